import type { PlaywrightTestOptions, PlaywrightWorkerOptions } from "@playwright/test";

import type { OneBrowser } from "./webdriver.ts";

type Use = Partial<PlaywrightTestOptions & PlaywrightWorkerOptions>;

const { CHROMIUM, FIREFOX } = process.env;

export const chromium: Use = {
  browserName: "chromium",
  launchOptions: {
    // The system's Chromium instead of a download of Playwright's own.
    ...(CHROMIUM && { executablePath: CHROMIUM }),
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  },
};

/** An unpatched Firefox, controlled by WebDriver BiDi; undefined if there is no such browser. */
export const firefox: Use | undefined = FIREFOX
  ? {
      browserName: "firefox",
      channel: "moz-firefox",
      launchOptions: {
        executablePath: FIREFOX,
        // Requesting an icon for the tab would violate the pages' policies.
        firefoxUserPrefs: { "browser.chrome.site_icons": false },
      },
    }
  : undefined;

/**
 * The same with a dark screen. Playwright cannot switch that in this browser, but preferences can.
 */
export const darkFirefox: Use | undefined = firefox && {
  ...firefox,
  launchOptions: {
    ...firefox.launchOptions,
    firefoxUserPrefs: {
      ...firefox.launchOptions?.firefoxUserPrefs,
      "layout.css.prefers-color-scheme.content-override": 0,
      "ui.systemUsesDarkTheme": 1,
    },
  },
};

/** WebKitGTK's browser and its driver (see `support/webdriver.ts`). */
export const hasWebKit = Boolean(process.env["WEBKIT"]);

/** The same with a dark screen. */
export const darkWebKit: Pick<OneBrowser, "gtkTheme"> = { gtkTheme: "Adwaita:dark" };

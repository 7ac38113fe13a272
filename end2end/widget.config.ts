import { defineConfig } from "@playwright/test";

import tests from "./playwright.config.ts";
import { chromium, darkFirefox, darkWebKit, firefox, hasWebKit } from "./support/browsers.ts";
import type { OneBrowser } from "./support/webdriver.ts";

const { globalSetup: _, projects: __, ...shared } = tests;

const BACK_AND_FORTH = "back-forward-cache.spec.ts";
/**
 * Long tests that concern the state machine and not the browser. With `EVERY_TEST=1` they also run
 * in Firefox.
 */
const ONLY_ON_DEMAND = process.env["EVERY_TEST"]
  ? BACK_AND_FORTH
  : /back-forward-cache|foreign-answers|leaks|leaving|polling|proof|two-apis/;

/**
 * Tests of the widget alone: the built files on a page, and an API that each test controls. Nothing
 * else has to run, and the tests share nothing.
 */
export default defineConfig<object, OneBrowser>({
  ...shared,
  testDir: "widget",
  outputDir: "test-results/widget",
  workers: 2,
  fullyParallel: true,
  projects: [
    { name: "chromium", testIgnore: BACK_AND_FORTH, use: chromium },
    {
      // Playwright disables this cache, but visitors' browsers have it.
      name: "back-forward cache",
      testMatch: BACK_AND_FORTH,
      use: {
        ...chromium,
        launchOptions: {
          ...chromium.launchOptions,
          ignoreDefaultArgs: ["--disable-back-forward-cache"],
        },
      },
    },
    ...(firefox ? [{ name: "firefox", testIgnore: ONLY_ON_DEMAND, use: firefox }] : []),
    ...(darkFirefox ? [{ name: "firefox, dark", grep: /axe finds/, use: darkFirefox }] : []),
    ...(hasWebKit
      ? [
          { name: "webkit", testDir: "webkit" },
          { name: "webkit, dark", testDir: "webkit", grep: /light or dark|axe finds/, use: darkWebKit },
        ]
      : []),
  ],
});

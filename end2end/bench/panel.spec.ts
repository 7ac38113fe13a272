import { writeFile } from "node:fs/promises";

import { type Browser, expect, test } from "@playwright/test";

import { required } from "../support/environment.ts";
import { Site } from "./site.ts";

/** The conditions that Chromium's developer tools call Slow 4G. */
const SLOW_4G = {
  offline: false,
  latency: 562.5,
  downloadThroughput: (1.6e6 / 8) * 0.9,
  uploadThroughput: (750e3 / 8) * 0.9,
};

/**
 * The time from the click until the composer takes the focus, in milliseconds, in a browser with an
 * empty cache.
 */
async function open(browser: Browser, url: string): Promise<number> {
  const context = await browser.newContext({ locale: "en-GB" });
  const page = await context.newPage();
  await page.goto(url);
  await expect(page.getByRole("button", { name: "Chat with us" })).toBeVisible();
  const session = await context.newCDPSession(page);
  await session.send("Network.enable");
  await session.send("Network.emulateNetworkConditions", SLOW_4G);
  await session.send("Emulation.setCPUThrottlingRate", { rate: 4 });
  const took = await page.evaluate(
    () =>
      new Promise<number>((resolve) => {
        const root = document.querySelector("matrix-support-chat")?.shadowRoot;
        const began = performance.now();
        // The mouse is not used, because its approach would begin the loading.
        root?.querySelector("button")?.click();
        const look = (): void => {
          const composer = root?.querySelector("textarea");
          if (composer?.checkVisibility()) {
            composer.focus();
            if (root?.activeElement === composer) return resolve(performance.now() - began);
          }
          requestAnimationFrame(look);
        };
        look();
      }),
  );
  await context.close();
  return took;
}

test("opening the panel, against a minimal page", async ({ browser }) => {
  const rounds = Number(required("BENCH_ROUNDS"));
  test.setTimeout(60_000 * (rounds + 1));
  const site = await Site.start();
  // The minimal page has to fetch the same number of bytes as the widget, before and after the
  // click.
  await open(browser, site.url("/widget/"));
  const scripts = site.served.filter(([path]) => path.endsWith(".js"));
  const loader = scripts.filter(([path]) => path === "/widget/matrix-support-chat.js");
  const sum = (files: typeof scripts): number => files.reduce((bytes, file) => bytes + file[1], 0);
  const bytes = { loader: sum(loader), panel: sum(scripts) - sum(loader) };
  await site.addMinimal(bytes.loader, bytes.panel);
  const widget = [];
  const minimal = [];
  for (let round = 0; round < rounds; round += 1) {
    widget.push(await open(browser, site.url("/widget/")));
    minimal.push(await open(browser, site.url("/minimal/")));
  }
  site.stop();
  await writeFile(required("PANEL_OUTPUT"), JSON.stringify({ bytes, widget, minimal }));
});

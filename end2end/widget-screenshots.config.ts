import { defineConfig } from "@playwright/test";

import { chromium, darkFirefox, darkWebKit, firefox, hasWebKit } from "./support/browsers.ts";
import type { OneBrowser } from "./support/webdriver.ts";
import tests from "./widget.config.ts";

const testMatch = "widget.spec.ts";

/**
 * Takes the pictures of `docs/widget`: `cargo xtask test widget --
 * --config=widget-screenshots.config.ts`.
 */
export default defineConfig<object, OneBrowser>({
  ...tests,
  testDir: "screenshots",
  projects: [
    { name: "chromium", testMatch, use: chromium },
    ...(firefox ? [{ name: "firefox", testMatch, use: firefox }] : []),
    ...(darkFirefox ? [{ name: "firefox, dark", testMatch, use: darkFirefox }] : []),
    ...(hasWebKit
      ? [
          { name: "webkit", testMatch: "webkit.spec.ts" },
          { name: "webkit, dark", testMatch: "webkit.spec.ts", use: darkWebKit },
        ]
      : []),
  ],
});

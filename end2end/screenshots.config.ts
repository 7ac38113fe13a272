import { defineConfig } from "@playwright/test";

import tests from "./playwright.config.ts";
import { chromium } from "./support/browsers.ts";

/**
 * Takes the README's picture of the whole product: `cargo xtask test e2e --
 * --config=screenshots.config.ts`.
 */
export default defineConfig({
  ...tests,
  projects: [{ name: "chromium", use: chromium }],
  testDir: "screenshots",
  testMatch: "readme.spec.ts",
});

import { defineConfig } from "@playwright/test";

import { chromium } from "./support/browsers.ts";
import tests from "./widget.config.ts";

/** The pictures of `docs/widget`: `cargo xtask test widget -- --config=widget-screenshots.config.ts`. */
export default defineConfig({
  ...tests,
  projects: [{ name: "chromium", use: chromium }],
  testDir: "screenshots",
  testMatch: "widget.spec.ts",
});

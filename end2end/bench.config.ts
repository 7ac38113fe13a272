import { defineConfig } from "@playwright/test";

import tests from "./playwright.config.ts";
import { chromium } from "./support/browsers.ts";

const { globalSetup: _, projects: __, ...shared } = tests;

/** The measurements of `cargo xtask bench` that need a browser. */
export default defineConfig({
  ...shared,
  use: { ...shared.use, ...chromium },
  testDir: "bench",
  outputDir: "test-results/bench",
  reporter: "line",
});

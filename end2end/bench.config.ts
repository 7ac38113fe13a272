import { defineConfig } from "@playwright/test";

import tests from "./playwright.config.ts";
import { chromium } from "./support/browsers.ts";

const { globalSetup: _, projects: __, ...shared } = tests;

/** What `cargo xtask bench` measures in a browser. */
export default defineConfig({
  ...shared,
  use: { ...shared.use, ...chromium },
  testDir: "bench",
  outputDir: "test-results/bench",
  reporter: "line",
});

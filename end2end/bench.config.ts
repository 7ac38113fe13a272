import { defineConfig } from "@playwright/test";

import tests from "./playwright.config.ts";

const { globalSetup: _, ...shared } = tests;

/** What `cargo xtask bench` measures in a browser. */
export default defineConfig({
  ...shared,
  testDir: "bench",
  outputDir: "test-results/bench",
  reporter: "line",
});

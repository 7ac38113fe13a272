import { defineConfig } from "@playwright/test";

import tests from "./playwright.config.ts";

const { globalSetup: _, ...shared } = tests;

/**
 * The widget alone: the built files on a page of its own, and an API that answers what a test wants. Nothing else has
 * to run, and the tests share nothing.
 */
export default defineConfig({
  ...shared,
  testDir: "widget",
  outputDir: "test-results/widget",
  workers: 2,
  fullyParallel: true,
});

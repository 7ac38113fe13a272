import { defineConfig } from "@playwright/test";

import tests from "./playwright.config.ts";

const { globalSetup: _, ...shared } = tests;

const BACK_AND_FORTH = "back-forward-cache.spec.ts";

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
  projects: [
    { name: "widget", testIgnore: BACK_AND_FORTH },
    {
      // Playwright switches this cache off; visitors' browsers have it.
      name: "back-forward cache",
      testMatch: BACK_AND_FORTH,
      use: {
        launchOptions: {
          ...shared.use?.launchOptions,
          ignoreDefaultArgs: ["--disable-back-forward-cache"],
        },
      },
    },
  ],
});

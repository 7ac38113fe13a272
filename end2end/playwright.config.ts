import { defineConfig } from "@playwright/test";

import { chromium, firefox, hasWebKit } from "./support/browsers.ts";

const { BASE_URL, CI } = process.env;

/**
 * The tests of a visitor's actions, on our page and on other sites. The other tests concern the
 * server and need only one browser.
 */
const IN_EVERY_BROWSER = /conversation|session|network|html|vue|nuxt|react|svelte/;

/**
 * There is one worker and no retry. The tests share one homeserver and one support server, one of
 * them stops the homeserver, and a test that passes only the second time has found a fault.
 */
export default defineConfig({
  testDir: "tests",
  globalSetup: "./support/log-in-staff.ts",
  outputDir: "test-results",
  workers: 1,
  retries: 0,
  forbidOnly: Boolean(CI),
  reporter: "list",
  timeout: 60_000,
  // A reply passes through the homeserver, the server and the next poll, and polls are two seconds
  // apart.
  expect: { timeout: 15_000 },
  use: {
    ...(BASE_URL && { baseURL: BASE_URL }),
    viewport: { width: 1280, height: 800 },
    actionTimeout: 15_000,
    screenshot: "only-on-failure",
  },
  projects: [
    { name: "chromium", use: chromium },
    ...(firefox ? [{ name: "firefox", use: firefox, testMatch: IN_EVERY_BROWSER }] : []),
    ...(hasWebKit ? [{ name: "webkit", testDir: "webkit-hosts" }] : []),
  ],
});

import { defineConfig } from "@playwright/test";

import { chromium, firefox, hasWebKit } from "./support/browsers.ts";

const { BASE_URL, CI } = process.env;

/** What a visitor does, on our page and on those of others. The rest is of the server, whatever browser asks. */
const IN_EVERY_BROWSER = /conversation|session|network|html|vue|nuxt|react|svelte/;

/**
 * One worker, no retries: the tests share one homeserver and one support server, one of them takes the homeserver
 * down, and a test that passes only the second time has found something.
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
  // A reply goes from staff to the homeserver, the server and the next poll, and polls are two seconds apart.
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

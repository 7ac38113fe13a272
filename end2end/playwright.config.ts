import { defineConfig } from "@playwright/test";

const { BASE_URL, CHROMIUM, CI } = process.env;

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
  // A reply travels staff -> homeserver -> server -> next poll, and polls are two seconds apart.
  expect: { timeout: 15_000 },
  use: {
    ...(BASE_URL && { baseURL: BASE_URL }),
    viewport: { width: 1280, height: 800 },
    actionTimeout: 15_000,
    screenshot: "only-on-failure",
    launchOptions: {
      // The system's Chromium rather than a download of Playwright's own.
      ...(CHROMIUM && { executablePath: CHROMIUM }),
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
  },
});

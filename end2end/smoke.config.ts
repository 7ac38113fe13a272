import { createHash, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";

import { defineConfig } from "@playwright/test";

import tests from "./playwright.config.ts";
import { chromium } from "./support/browsers.ts";

const { SMOKE_CA } = process.env;
const { globalSetup: _, ...shared } = tests;

/**
 * The smoke test of a deployment: `cargo xtask smoke URL`. Its steps build on each other, and the
 * last ones exhaust the limit of the client's address, so the first failure ends it.
 */
export default defineConfig({
  ...shared,
  testDir: "smoke",
  // The order of the projects is fixed, independent of the names of the files.
  projects: ["conversation", "upgrade", "hardening"].map((name, i, names) => ({
    name,
    testMatch: `${name}.spec.ts`,
    dependencies: names.slice(0, i),
  })),
  maxFailures: 1,
  // The deployment cannot be prepared for the test, and the network may be slow.
  timeout: 240_000,
  expect: { timeout: 60_000 },
  use: {
    ...tests.use,
    actionTimeout: 60_000,
    ...chromium,
    launchOptions: {
      ...chromium.launchOptions,
      args: [
        ...(chromium.launchOptions?.args ?? []),
        ...(SMOKE_CA ? [`--ignore-certificate-errors-spki-list=${keyDigest(SMOKE_CA)}`] : []),
      ],
    },
  },
});

/** The form in which Chromium expects a certificate authority to trust. */
function keyDigest(path: string): string {
  const key = new X509Certificate(readFileSync(path)).publicKey;
  return createHash("sha256").update(key.export({ type: "spki", format: "der" })).digest("base64");
}

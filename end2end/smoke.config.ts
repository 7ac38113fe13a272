import { createHash, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";

import { defineConfig } from "@playwright/test";

import tests from "./playwright.config.ts";
import { chromium } from "./support/browsers.ts";

const { SMOKE_CA } = process.env;
const { globalSetup: _, ...shared } = tests;

/**
 * The smoke test of a deployment: `cargo xtask smoke URL`. Its steps depend on the ones before them, and the last ones
 * use up what its address may ask for, so the first failure ends it.
 */
export default defineConfig({
  ...shared,
  testDir: "smoke",
  // The order is fixed, whatever the names of the files are.
  projects: ["conversation", "upgrade", "hardening"].map((name, i, names) => ({
    name,
    testMatch: `${name}.spec.ts`,
    dependencies: names.slice(0, i),
  })),
  maxFailures: 1,
  // Nothing can be prepared for the test, and the network may be slow.
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

/** How Chromium wants to be told of a certificate authority that it is to trust. */
function keyDigest(path: string): string {
  const key = new X509Certificate(readFileSync(path)).publicKey;
  return createHash("sha256").update(key.export({ type: "spki", format: "der" })).digest("base64");
}

import { defineConfig } from "@playwright/test";

import tests from "./playwright.config.ts";

/** Pictures for the README and for looking at: `npm run screenshots`. Not part of the tests. */
export default defineConfig(tests, { testDir: "screenshots" });

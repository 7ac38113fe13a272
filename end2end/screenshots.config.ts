import { defineConfig } from "@playwright/test";

import tests from "./playwright.config.ts";

/** The README's picture, of the whole product: `cargo xtask test e2e -- --config=screenshots.config.ts`. */
export default defineConfig(tests, { testDir: "screenshots", testMatch: "readme.spec.ts" });

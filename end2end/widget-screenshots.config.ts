import { defineConfig } from "@playwright/test";

import tests from "./widget.config.ts";

/** The pictures of `docs/widget`: `cargo xtask test widget -- --config=widget-screenshots.config.ts`. */
export default defineConfig(tests, { testDir: "screenshots", testMatch: "widget.spec.ts" });

import { test } from "@playwright/test";

import { LEFT_OUT_IN_WEBKIT } from "../support/engines.ts";

for (const [what, reason] of Object.entries(LEFT_OUT_IN_WEBKIT)) {
  test(what, () => test.skip(true, reason));
}

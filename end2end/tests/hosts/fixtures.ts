import { test as base } from "../../fixtures.ts";
import { environment } from "../../support/environment.ts";
import { serve, type Site, vueSite } from "../../support/site.ts";

/** As in the other tests, but the visitor is on another website, whose pages embed the widget. */
export const test = base.extend<{ site: Site; serving: void }>({
  baseURL: environment.hostUrl(),
  site: [vueSite("enabled"), { option: true }],
  serving: [
    async ({ site }, use) => {
      const stop = await serve(site);
      await use();
      await stop();
    },
    { auto: true },
  ],
});

export { expect } from "../../fixtures.ts";

import { expect } from "@playwright/test";

import { test as base } from "../support/engines.ts";
import { LoopbackApi } from "../support/loopback-api.ts";
import { LoopbackSite } from "../support/loopback-site.ts";
import { Visitor } from "../support/visitor.ts";

interface Fixtures {
  api: LoopbackApi;
  site: LoopbackSite;
  visitor: Visitor;
}

/** A website and an API over real network connections, for the behaviour of browsers with those. */
export const test = base.extend<Fixtures>({
  api: async ({}, use) => {
    const api = await LoopbackApi.start();
    await use(api);
    await api.close();
  },
  site: async ({ api }, use) => {
    const site = await LoopbackSite.start(api.origin);
    await use(site);
    await site.close();
  },
  baseURL: async ({ site }, use) => use(site.origin),
  visitor: async ({ page }, use) => {
    const visitor = await Visitor.at(page);
    await use(visitor);
    expect(visitor.complaints, "what the browser complained of").toEqual([]);
  },
});

export { expect };

import { test as base, expect } from "@playwright/test";

import { ScriptedApi } from "../support/scripted-api.ts";
import { oneBrowser, type OneBrowser } from "../support/webdriver.ts";
import { WebKitVisitor } from "../support/webkit-visitor.ts";
import { Host, HOST_ORIGIN } from "../widget/fixtures.ts";

interface Fixtures {
  host: Host;
  api: ScriptedApi;
  visitor: WebKitVisitor;
}

export const test = base.extend<object, OneBrowser>(oneBrowser).extend<Fixtures>({
  host: async ({}, use) => {
    const host = Host.start();
    host.is({ lang: "en" });
    await use(host);
  },
  api: async ({}, use) => use(ScriptedApi.start()),
  visitor: async ({ webkit, host: _host, api: _api }, use) => {
    await webkit.resize(1280, 900);
    await use(new WebKitVisitor(webkit, HOST_ORIGIN));
    // The next test starts with an empty tab.
    await webkit.evaluate(() => sessionStorage.clear());
    await webkit.visit("about:blank");
  },
});

export { expect };

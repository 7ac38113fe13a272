import { test as base, expect } from "@playwright/test";

import { required } from "../support/environment.ts";
import { ScriptedApi } from "../support/scripted-api.ts";
import { WebKit } from "../support/webdriver.ts";
import { WebKitVisitor } from "../support/webkit-visitor.ts";
import { Host, HOST_ORIGIN } from "../widget/fixtures.ts";

interface Fixtures {
  host: Host;
  api: ScriptedApi;
  visitor: WebKitVisitor;
}

interface WorkerFixtures {
  /** One for all tests: it takes a second to start. */
  webkit: WebKit;
}

export const test = base.extend<Fixtures, WorkerFixtures>({
  webkit: [
    async ({}, use) => {
      const browser = await WebKit.start(required("WEBKIT_DRIVER"), required("WEBKIT"));
      await use(browser);
      await browser.close();
    },
    { scope: "worker" },
  ],
  host: async ({}, use) => {
    const host = Host.start();
    host.is({ lang: "en" });
    await use(host);
  },
  api: async ({}, use) => use(ScriptedApi.start()),
  visitor: async ({ webkit, host: _host, api: _api }, use) => {
    await webkit.resize(1280, 900);
    await use(new WebKitVisitor(webkit, HOST_ORIGIN));
    // The next test has a tab that knows nothing.
    await webkit.evaluate(() => sessionStorage.clear());
    await webkit.visit("about:blank");
  },
});

export { expect };

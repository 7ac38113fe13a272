import { environment } from "../support/environment.ts";
import { htmlSite, nuxtSite, reactSite, type Site, svelteSite, vueSite } from "../support/site.ts";
import { oneBrowser, type OneBrowser } from "../support/webdriver.ts";
import { WebKitVisitor } from "../support/webkit-visitor.ts";
import { test as base } from "../tests/hosts/fixtures.ts";

/** Visitors with WebKit, on websites that embed the widget and use the real server. */
const test = base.extend<object, OneBrowser>(oneBrowser);

const SITES: Record<string, Site> = {
  Vue: vueSite("enabled"),
  React: reactSite(),
  Svelte: svelteSite(),
  Nuxt: nuxtSite(),
  "plain HTML": htmlSite("server"),
};

for (const [name, site] of Object.entries(SITES)) {
  test.describe(name, () => {
    test.use({ site });

    test("a visitor writes, reads the answer, and has it all after a reload", async ({
      webkit,
      alice,
    }) => {
      const visitor = new WebKitVisitor(webkit, environment.hostUrl());
      await webkit.resize(1280, 900);
      await visitor.visit();
      await webkit.evaluate(() => sessionStorage.clear());
      await webkit.reload();
      await visitor.openChat();
      await visitor.say(`Hello from ${name}`);
      const roomId = await alice.acceptInvite();
      await alice.send(roomId, "Hello back");
      await visitor.reads("Hello back");
      await webkit.reload();
      await visitor.openChat();
      await visitor.reads(`Hello from ${name}`);
      await visitor.reads("Hello back");
      await webkit.visit("about:blank");
    });
  });
}

import type { Locator } from "@playwright/test";

import { overlap, boxOf } from "../support/rectangles.ts";
import type { Visitor } from "../support/visitor.ts";
import { expect, test } from "./fixtures.ts";

const bubble = (visitor: Visitor): Locator => visitor.page.locator("matrix-support-chat .greeting");
const words = (visitor: Visitor): Locator => bubble(visitor).getByRole("button").first();
const GREETING = "Any questions? We are happy to help.";

test("after some seconds a bubble greets, without a request, the focus or anything stored", async ({
  visitor,
  api,
  host,
}) => {
  host.is({ lang: "en", attributes: 'greet-after="30"' });
  const { page } = visitor;
  await page.clock.install();
  await visitor.visit();
  await page.waitForLoadState("networkidle");
  await page.clock.runFor("00:29");
  await expect(bubble(visitor)).toHaveCount(0);
  await page.clock.runFor("00:02");
  await expect(words(visitor)).toHaveText(GREETING);
  await expect(bubble(visitor)).toHaveRole("status");
  await expect(page.locator("body")).toBeFocused();
  expect(api.requests).toEqual([]);
  expect(visitor.traffic.chatChunks()).toEqual([]);
  expect(await visitor.sessionStorage()).toEqual({});

  await words(visitor).click();
  await expect(visitor.panel).toBeVisible();
  await expect(bubble(visitor)).toHaveCount(0);
});

test("it greets in English where the language has a code of three letters", async ({ visitor, host }) => {
  host.is({ lang: "deu", attributes: 'greet-after="0"' });
  await visitor.visit();
  await expect(words(visitor)).toHaveText(GREETING);
});

test("a page without the attribute loads nothing of it", async ({ visitor }) => {
  await visitor.visit();
  await visitor.page.waitForLoadState("networkidle");
  const scripts = visitor.traffic.requests.filter((request) => request.url().includes("/chunks/"));
  expect(scripts).toEqual([]);
});

for (const how of ["dismissed", "answered"]) {
  test(`one that was ${how} does not come again, on the next page neither`, async ({ visitor, host }) => {
    host.is({ lang: "en", attributes: 'greet-after="0"' });
    await visitor.visit();
    await expect(words(visitor)).toBeVisible();
    if (how === "dismissed") {
      await bubble(visitor).getByRole("button", { name: "Dismiss" }).click();
      await expect(visitor.launcher).toBeFocused();
    } else {
      await visitor.openChat();
      await visitor.closePanel();
    }
    await expect(bubble(visitor)).toHaveCount(0);
    await visitor.visit("/next");
    await visitor.page.waitForLoadState("networkidle");
    await expect(visitor.launcher).toBeVisible();
    await expect(bubble(visitor)).toHaveCount(0);
  });
}

test("the page may greet when it wants, in its own words", async ({ visitor, host }) => {
  host.is({ lang: "de", attributes: 'greet-after="call"' });
  const { page } = visitor;
  await visitor.visit();
  await page.waitForLoadState("networkidle");
  await expect(bubble(visitor)).toHaveCount(0);
  const greet = (text?: string): Promise<void> =>
    page.evaluate((text) => {
      (document.querySelector("matrix-support-chat") as unknown as { greet(text?: string): void }).greet(text);
    }, text);
  await greet("<b>Fragen zum Preis?</b>");
  await expect(words(visitor)).toHaveText("<b>Fragen zum Preis?</b>");
  await greet();
  await expect(words(visitor)).toHaveText("Haben Sie Fragen? Wir helfen Ihnen gern.");
  await expect(bubble(visitor)).toHaveCount(1);
});

test("whoever has a conversation is not greeted", async ({ visitor, host }) => {
  await visitor.beginConversation("Hello");
  host.is({ lang: "en", attributes: 'greet-after="0"' });
  await visitor.visit("/next");
  await visitor.page.waitForLoadState("networkidle");
  await expect(visitor.launcher).toBeVisible();
  await expect(bubble(visitor)).toHaveCount(0);
});

for (const width of [320, 360, 1280]) {
  for (const position of ["left", "right"]) {
    test(`it stays in the free space beside the launcher: ${width}, ${position}`, async ({ visitor, host }) => {
      host.is({ lang: "en", attributes: `greet-after="0" position="${position}"` });
      const { page } = visitor;
      await page.setViewportSize({ width, height: 640 });
      await visitor.visit();
      await expect(words(visitor)).toBeVisible();
      const greeting = await boxOf(bubble(visitor));
      expect(overlap(greeting, await boxOf(visitor.launcher))).toBe(false);
      expect(greeting.x).toBeGreaterThanOrEqual(0);
      expect(greeting.x + greeting.width).toBeLessThanOrEqual(width);
      // The documentation asks pages for 96 px of free space.
      expect(greeting.y).toBeGreaterThanOrEqual(640 - 96);
    });
  }
}

test("it makes way for what can be clicked beneath it", async ({ visitor, host }) => {
  host.is({
    lang: "en",
    attributes: 'greet-after="0"',
    rest: `${"<p>Text</p>".repeat(60)}<a class="action" href="/buy">Buy it now</a>${"<p>Text</p>".repeat(60)}`,
    stylesheet: ".action { display: block; }",
  });
  const { page } = visitor;
  await visitor.visit();
  await expect(words(visitor)).toBeVisible();
  // Scrolls until the page's own call to action is beneath the bubble.
  await page.evaluate(() => {
    const action = document.querySelector(".action") as HTMLElement;
    scrollTo(0, action.offsetTop - innerHeight + 60);
  });
  await expect(words(visitor)).toBeHidden();
  await page.getByRole("link", { name: "Buy it now" }).click();
  await expect(page).toHaveURL(/\/buy$/);
});

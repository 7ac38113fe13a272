import type { Page } from "@playwright/test";

import { expect, test } from "./fixtures.ts";

/**
 * The scroll positions of everything between the log's lines and the page, except the log itself.
 */
function scrolledAround(page: Page): Promise<number> {
  return page.evaluate(() => {
    const log = document.querySelector("matrix-support-chat")?.shadowRoot?.querySelector("[role=log]");
    let scrolled = 0;
    for (let it = log?.parentElement; it; it = it.parentElement) scrolled += it.scrollTop + it.scrollLeft;
    return scrolled + scrollY + scrollX;
  });
}

test("nothing scrolls the panel's own contents away", async ({ visitor, api }) => {
  const { page } = visitor;
  await visitor.beginConversation("Hello");
  for (let n = 0; n < 40; n += 1) api.reply(`Message ${n}`);
  await visitor.reads("Message 39");
  api.break("send", "unreachable");
  await visitor.write("Again");
  await visitor.send();
  await expect(visitor.alert).toBeVisible();
  await visitor.retry();
  await expect(visitor.alert).toBeVisible();
  expect(await scrolledAround(page)).toBe(0);
  // The log does not move because of other ways to scroll something into view either.
  await page.evaluate(() => {
    const root = document.querySelector("matrix-support-chat")?.shadowRoot;
    for (const it of root?.querySelectorAll("*") ?? []) {
      it.scrollIntoView();
      if (it.getAttribute("role") !== "log") it.scrollTop = 10_000;
    }
  });
  expect(await scrolledAround(page)).toBe(0);
  await expect(visitor.composer).toBeInViewport({ ratio: 1 });
});

test("zoomed in to 200 %, the panel scrolls to its end and no further", async ({ visitor, api }) => {
  const { page } = visitor;
  await page.setViewportSize({ width: 640, height: 400 });
  await visitor.beginConversation("Hello");
  for (let n = 0; n < 40; n += 1) api.reply(`Message ${n}`);
  await visitor.reads("Message 39");
  const box = await visitor.panel.boundingBox();
  await page.mouse.move((box?.x ?? 0) + 100, (box?.y ?? 0) + 20);
  await page.mouse.wheel(0, 5_000);
  await visitor.sendButton.scrollIntoViewIfNeeded();
  const blank = await visitor.panel.evaluate((panel) => {
    panel.scrollTop = 10_000;
    const last = panel.querySelector(".composer")?.getBoundingClientRect();
    return Math.abs((last?.bottom ?? 0) - panel.getBoundingClientRect().bottom);
  });
  expect(blank).toBeLessThan(2);
  await expect(visitor.sendButton).toBeInViewport({ ratio: 1 });
});

test("replies below what is shown are counted, and one click away", async ({ visitor, api }) => {
  await visitor.beginConversation("Hello");
  for (let n = 0; n < 40; n += 1) api.reply(`Message ${n}`);
  await visitor.reads("Message 39");
  const newest = visitor.panel.getByRole("button", { name: "New messages" });
  await expect(newest).toBeHidden();
  await visitor.transcript.evaluate((log) => (log.scrollTop = 0));
  api.reply("Below");
  await expect(newest).toHaveText("New messages: 1");
  expect((await newest.boundingBox())?.height, "it is one line").toBeLessThan(40);
  api.reply("Further below");
  await expect(newest).toHaveText("New messages: 2");
  await newest.click();
  await expect(visitor.transcript.getByText("Further below")).toBeInViewport();
  await expect(newest).toBeHidden();
  await expect(visitor.transcript).toBeFocused();
  // Scrolling to the end has the same effect.
  await visitor.transcript.evaluate((log) => (log.scrollTop = 0));
  api.reply("Last");
  await expect(newest).toHaveText("New messages: 1");
  await visitor.transcript.evaluate((log) => (log.scrollTop = log.scrollHeight));
  await expect(newest).toBeHidden();
});

test("a text without anything to see is no bubble", async ({ visitor, api }) => {
  await visitor.beginConversation("Hello");
  await visitor.closePanel();
  for (const text of [" ", "\u200b", "\u2060\u00ad\n", "\u3164", "\u202e\u202c", "\ufe0f", "\u{e0041}"]) {
    api.reply(text);
  }
  const later = api.reply("\u200b");
  api.reply("Seen");
  await expect(visitor.badge).toHaveText("1");
  await visitor.openChat();
  await visitor.reads("Seen");
  await expect(visitor.transcript.locator(".text")).toHaveCount(2);
  api.change(later, "Now there is");
  await visitor.reads("Now there is");
  await expect(visitor.transcript.locator(".text")).toHaveCount(3);
});

test("copying messages does not take along what is only spoken", async ({ visitor, api }) => {
  const { page } = visitor;
  await visitor.beginConversation("Hello");
  api.reply("Hi!");
  await visitor.reads("Hi!");
  const from = await visitor.transcript.getByText("Hello").boundingBox();
  const to = await visitor.transcript.getByText("Hi!").boundingBox();
  await page.mouse.move((from?.x ?? 0) + 1, (from?.y ?? 0) + 12);
  await page.mouse.down();
  await page.mouse.move((to?.x ?? 0) + (to?.width ?? 0) - 2, (to?.y ?? 0) + 20, { steps: 5 });
  await page.mouse.up();
  await page.keyboard.press("ControlOrMeta+c");
  await visitor.composer.click();
  await page.keyboard.press("ControlOrMeta+v");
  await expect(visitor.composer).toHaveValue(/Hello[^]*Hi/);
  await expect(visitor.composer).not.toHaveValue(/You:|Support:/);
});

test("time and state are said once in a group", async ({ visitor, api }) => {
  await visitor.beginConversation("One");
  api.now = new Date("2026-05-23T14:05:30Z");
  await visitor.say("Two");
  await expect.poll(() => visitor.timesRead("Delivered")).toBe(1);
  api.now = new Date("2026-05-23T15:00:00Z");
  await visitor.say("Three");
  await expect.poll(() => visitor.timesRead("Delivered")).toBe(2);
});

test("what will not be delivered is told, and sent again with a click", async ({ visitor, api }) => {
  api.delivery = "failed";
  await visitor.beginConversation("Lost");
  await visitor.reads("Not delivered");
  await expect(visitor.panel.locator("[role=status]", { hasText: "Not delivered" })).toHaveCount(1);
  api.delivery = "delivered";
  await visitor.write("a draft");
  await visitor.panel.getByRole("button", { name: "Send again" }).click();
  await expect.poll(() => api.count("send")).toBe(1);
  expect(api.last("send")["body"]).toBe("Lost");
  await expect.poll(() => visitor.timesRead("Lost")).toBe(2);
  await expect(visitor.panel.getByRole("button", { name: "Send again" })).toBeHidden();
  await expect(visitor.composer).toHaveValue("a draft");
});

test("a pasted control character is left out with a word, and the rest can be sent", async ({
  visitor,
  api,
}) => {
  await visitor.visit();
  await visitor.openChat();
  await visitor.write("a\u0007b");
  await expect(visitor.composer).toHaveValue("ab");
  await expect(visitor.panel).toContainText("Characters that cannot be sent were left out");
  await visitor.composer.press("c");
  await expect(visitor.panel).not.toContainText("left out");
  await visitor.send();
  await expect.poll(() => api.count("create")).toBe(1);
  expect(api.last("create")["initialMessage"]).toBe("abc");
});

for (const [lang, side] of [
  ["ar", "right"],
  ["en", "left"],
] as const) {
  test(`lang="${lang}": placeholder and bubbles go by the panel's direction`, async ({
    visitor,
    host,
    api,
  }) => {
    host.is({ lang });
    const { page } = visitor;
    await visitor.visit();
    await page.getByRole("button").click();
    const composer = page.getByRole("textbox");
    await expect(composer).toHaveCSS("direction", side === "right" ? "rtl" : "ltr");
    await composer.fill(lang === "ar" ? "Hello" : "مرحبا");
    await expect(composer).toHaveCSS("direction", side === "right" ? "ltr" : "rtl");
    await composer.press("Enter");
    await expect.poll(() => api.count("create")).toBe(1);
    api.reply("مرحبا");
    api.reply("Hi");
    const text = (words: string) => page.getByRole("log").getByText(words, { exact: true }).last();
    await expect(text("Hi")).toBeVisible();
    for (const words of ["مرحبا", "Hi"]) {
      await expect(text(words)).toHaveCSS(`border-bottom-${side}-radius`, "5px");
    }
  });
}

test("a visitor whom staff have blocked is told so", async ({ visitor, api }) => {
  await visitor.visit();
  await visitor.openChat();
  api.break("create", { status: 403, code: "blocked" });
  await visitor.write("Hello");
  await visitor.send();
  await expect(visitor.alert).toContainText("You can't start a chat at the moment");
  await expect(visitor.composer).toHaveValue("Hello");
});

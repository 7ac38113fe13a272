import { API_ORIGIN } from "../support/scripted-api.ts";
import { READ_KEY, STORAGE_KEY } from "../support/visitor.ts";
import { expect, test } from "./fixtures.ts";

/** The names of the parts of the chat that a page has loaded. */
function chunks(visitor: { traffic: { chatChunks(): string[] } }): string[] {
  return visitor.traffic.chatChunks();
}

test("the next page looks once, and shows a reply that came meanwhile", async ({ visitor, api }) => {
  const { page } = visitor;
  await visitor.beginConversation("Hello");
  api.reply("Read");
  await visitor.reads("Read");
  await visitor.closePanel();

  // Without news there is one plain request, and no WebAssembly.
  await visitor.visit("/plain");
  let polls = api.count("poll");
  let loaded = chunks(visitor).length;
  await visitor.visit();
  await expect.poll(() => api.count("poll")).toBe(polls + 1);
  await expect(visitor.launcher).toBeVisible();
  expect(chunks(visitor).slice(loaded).filter((it) => it === "chat")).toEqual([]);
  await expect(visitor.badge).toHaveCount(0);

  // The page looks again when the visitor returns to this tab, and when the network returns.
  for (const name of ["visibilitychange", "online", "pageshow"]) {
    polls = api.count("poll");
    // While the page is still reading an answer, it sends no other request.
    const looks = async (): Promise<number> => {
      await page.evaluate((name) => {
        (name === "visibilitychange" ? document : window).dispatchEvent(new Event(name));
      }, name);
      return api.count("poll");
    };
    await expect.poll(looks, name).toBeGreaterThan(polls);
  }

  api.reply("One");
  api.reply("Two");
  loaded = chunks(visitor).length;
  const looks = async (): Promise<string[]> => {
    await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
    return visitor.badge.allTextContents();
  };
  await expect.poll(looks).toEqual(["2"]);
  await expect(visitor.panel).toBeHidden();
  expect(chunks(visitor).slice(loaded)).toContain("chat");
  await visitor.openChat();
  await visitor.reads("Two");
  await expect(visitor.badge).toBeHidden();
  await visitor.reload();
  await expect.poll(() => api.count("poll")).toBeGreaterThan(polls + 2);
  await expect(visitor.badge).toHaveCount(0);
});

test("a reply to a message that was written in passing is noticed, and stays so", async ({ visitor, api }) => {
  for (const held of ["poll", "create"] as const) {
    await visitor.visit();
    await visitor.openChat();
    const release = api.hold(held);
    await visitor.write("Hello");
    await visitor.send();
    await visitor.reads(held === "poll" ? "Sent" : "Sending");
    await visitor.closePanel();
    if (held === "create") release();
    await expect.poll(async () => (await visitor.sessionStorage())[READ_KEY]).toBeDefined();
    await visitor.visit("/plain");
    release();
    api.reply("One");
    for (let page = 0; page < 3; page += 1) {
      await visitor.visit();
      await expect(visitor.badge).toHaveText("1");
    }
    api.reply("Two");
    await visitor.reload();
    await expect(visitor.badge).toHaveText("2");
    await visitor.openChat();
    await visitor.reads("Two");
    const polls = api.count("poll");
    const loaded = chunks(visitor).length;
    await visitor.reload();
    await expect.poll(() => api.count("poll")).toBeGreaterThan(polls);
    await visitor.page.waitForLoadState("networkidle");
    expect(chunks(visitor).slice(loaded).filter((it) => it === "chat")).toEqual([]);
    await visitor.page.evaluate(() => sessionStorage.clear());
  }
});

test("a badge that was on the screen is on the next page, too", async ({ visitor, api }) => {
  await visitor.beginConversation("Hello");
  api.reply("Read");
  await visitor.reads("Read");
  await visitor.closePanel();
  api.reply("Still there?");
  await expect(visitor.badge).toHaveText("1");
  await visitor.reload();
  await expect(visitor.badge).toHaveText("1");
  // The panel is opened and closed before the chat is loaded.
  const release = api.hold("poll");
  await visitor.reload();
  await visitor.openChat();
  await visitor.closePanel();
  release();
  await expect(visitor.badge).toHaveText("1");
});

test("where there is no conversation, nothing is asked", async ({ visitor, api }) => {
  const { page } = visitor;
  await visitor.visit();
  await page.evaluate((key) => sessionStorage.setItem(key, "no conversation"), STORAGE_KEY);
  await visitor.reload();
  await expect(visitor.launcher).toBeVisible();
  await page.evaluate(() => dispatchEvent(new Event("online")));
  await page.waitForLoadState("networkidle");
  expect(api.requests).toEqual([]);
  await visitor.openChat();
  await visitor.say("It works all the same");
});

test("a page that wants it looks every minute", async ({ visitor, host, api }) => {
  const { page } = visitor;
  await page.clock.install({ time: "2026-05-23T14:00:00Z" });
  await visitor.beginConversation("Hello");
  await visitor.reads("Delivered");
  await visitor.closePanel();
  for (const watches of [false, true]) {
    host.is({ lang: "en", attributes: watches ? "watch-replies" : "" });
    const polls = api.count("poll");
    await visitor.visit();
    await expect.poll(() => api.count("poll")).toBe(polls + 1);
    await page.clock.runFor(61_000);
    if (watches) await expect.poll(() => api.count("poll")).toBe(polls + 2);
    else expect(api.count("poll")).toBe(polls + 1);
  }
  // The loaded chat does the same while it is closed.
  await visitor.openChat();
  await visitor.closePanel();
  await page.clock.runFor(90_000);
  api.reply("Are you there?");
  await page.clock.runFor(61_000);
  await expect(visitor.badge).toHaveText("1");
});

test("a chat that staff have closed goes on when they take it up again", async ({ visitor, api }) => {
  const { page } = visitor;
  await page.clock.install({ time: "2026-05-23T14:00:00Z" });
  await visitor.beginConversation("Hello");
  await visitor.reads("Delivered");
  api.break("poll", { status: 410, code: "session_closed" });
  await page.clock.runFor(3_000);
  await expect(visitor.panel).toContainText("This chat has ended");
  await page.clock.runFor(31_000);
  await expect(visitor.panel).toContainText("This chat has ended");
  const { sessionId } = await visitor.storedSession();
  api.mend();
  api.reply("One more thing");
  await page.clock.runFor(31_000);
  await visitor.reads("One more thing");
  await expect(visitor.composer).toBeVisible();
  await expect(visitor.endButton).toBeVisible();
  await visitor.say("Yes?");
  expect(api.count("create")).toBe(1);
  expect((await visitor.storedSession()).sessionId).toBe(sessionId);

  // The same holds on another page, and when the panel is opened.
  api.break("poll", { status: 410, code: "session_closed" });
  await page.clock.runFor(3_000);
  await expect(visitor.panel).toContainText("This chat has ended");
  await visitor.reload();
  await visitor.openChat();
  await expect(visitor.panel).toContainText("This chat has ended");
  await visitor.closePanel();
  api.mend();
  await visitor.openChat();
  await visitor.reads("One more thing");
  await expect(visitor.composer).toBeFocused();
});

test("what a newer server says besides does no harm", async ({ visitor, api }) => {
  const { page } = visitor;
  await page.route(`${API_ORIGIN}/**`, async (route) => {
    if (route.request().method() !== "GET") return route.fallback();
    const more = {
      marks: { delivered: "m1", seen: null },
      staffTyping: true,
      state: { of: ["any", 1] },
      more: false,
      news: "x",
    };
    const messages = [
      { id: "m1", sender: "visitor", body: "Hello", createdAt: "2026-05-23T14:05:00Z", delivery: "delivered" },
      { id: "m2", sender: "staff", body: "Hi!", createdAt: "2026-05-23T14:06:00Z", mood: 5 },
    ];
    await route.fulfill({ json: { ...more, messages }, headers: { "access-control-allow-origin": "*" } });
  });
  await visitor.beginConversation("Hello");
  await visitor.reads("Hi!");
  await expect(visitor.alert).toBeHidden();
  expect(api.count("create")).toBe(1);
});

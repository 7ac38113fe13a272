import { DRAFT_KEY, READ_KEY, STORAGE_KEY, Visitor } from "../support/visitor.ts";
import { expect, HOST_ORIGIN, test } from "./fixtures.ts";

test("a message is sending, then sent, then delivered, on one and the same line", async ({
  visitor,
  api,
}) => {
  api.delivery = "pending";
  const answer = api.hold("create");
  await visitor.visit();
  await visitor.openChat();
  await visitor.write("Hello");
  await visitor.send();
  await visitor.reads("Sending…");
  await expect(visitor.sendButton).toBeDisabled();
  const line = await visitor.transcript.getByText("Hello").elementHandle();
  answer();
  await visitor.reads("Sent");
  api.delivery = "delivered";
  await visitor.reads("Delivered");
  expect(await visitor.timesRead("Hello")).toBe(1);
  expect(await line?.evaluate((it) => it.isConnected), "the line is still the same").toBe(true);
});

test("a message that will never arrive says so", async ({ visitor, api }) => {
  api.delivery = "failed";
  await visitor.beginConversation("Hello");
  await visitor.reads("Not delivered");
});

test("what fails is kept, and Retry sends it under the same key", async ({ visitor, api }) => {
  await visitor.beginConversation("Hello");
  api.break("send", "unreachable");
  await visitor.write("Once");
  await visitor.send();
  await expect(visitor.alert).toContainText("could not be sent");
  await expect(visitor.composer).toHaveValue("Once");
  await visitor.retry();
  await expect(visitor.alert).toBeVisible();
  api.mend();
  await visitor.retry();
  await visitor.reads("Once");
  await expect(visitor.alert).toBeHidden();
  await expect.poll(() => api.count("send")).toBe(3);
  const keys = api.requests
    .filter(({ operation }) => operation === "send")
    .map(({ request }) => request.headers()["idempotency-key"]);
  expect(keys).toHaveLength(3);
  expect(new Set(keys).size).toBe(1);
});

test("a failure after more was typed leaves both", async ({ visitor, api }) => {
  await visitor.beginConversation("Hello");
  api.break("send", "unreachable");
  const answer = api.hold("send");
  await visitor.write("First");
  await visitor.send();
  await visitor.write("Second");
  answer();
  await visitor.reads("Not sent");
  await expect(visitor.composer).toHaveValue("Second");
});

test("a rate limit counts down, and then lets the message go", async ({ visitor, api }) => {
  const { page } = visitor;
  await page.clock.install({ time: "2026-05-23T14:00:00Z" });
  await visitor.beginConversation("Hello");
  api.break("send", { status: 429, code: "rate_limited", retryAfter: 75 });
  await visitor.write("Too much");
  await visitor.send();
  await expect(visitor.alert).toContainText("very quickly");
  await page.clock.pauseAt("2026-05-23T14:10:00Z");
  await expect(visitor.retryButton).toBeEnabled();

  await visitor.retry();
  await expect(visitor.panel).toContainText("Try again in 1:15");
  await expect(visitor.retryButton).toBeDisabled();
  await expect(visitor.sendButton).toBeDisabled();
  await page.clock.runFor(9_000);
  await expect(visitor.panel).toContainText("Try again in 1:06");
  api.mend();
  await page.clock.runFor(66_000);
  await expect(visitor.panel).not.toContainText("Try again in");
  await visitor.retry();
  await visitor.reads("Too much");
});

test("offline is told at once, and by itself after failures", async ({ visitor, api }) => {
  await visitor.beginConversation("Hello");
  await visitor.page.context().setOffline(true);
  await expect(visitor.alert).toContainText("You are offline");
  await visitor.page.context().setOffline(false);
  await expect(visitor.alert).toBeHidden();
  api.break("poll", "unreachable");
  await expect(visitor.alert).toContainText("can't reach the chat", { timeout: 30_000 });
  api.mend();
  api.reply("Still there?");
  await visitor.page.evaluate(() => dispatchEvent(new Event("online")));
  await visitor.reads("Still there?");
  await expect(visitor.alert).toBeHidden();
});

for (const [code, words] of [
  ["session_closed", "This chat has ended"],
  ["session_expired", "closed because there was no activity"],
] as const) {
  test(`${code}: it says so, and a new chat can begin`, async ({ visitor, api }) => {
    await visitor.beginConversation("Hello");
    await visitor.write("not sent yet");
    api.break("poll", { status: 410, code });
    await expect(visitor.panel).toContainText(words);
    await expect(visitor.composer).toBeHidden();
    await expect(visitor.endButton).toBeHidden();
    // Staff may resume the conversation.
    expect(Object.keys(await visitor.sessionStorage()).sort()).toEqual([STORAGE_KEY, DRAFT_KEY, READ_KEY]);
    const restart = visitor.panel.getByRole("button", { name: "Start a new chat" });
    await restart.click();
    expect(Object.keys(await visitor.sessionStorage())).toEqual([DRAFT_KEY]);
    api.mend();
    await expect(visitor.composer).toBeFocused();
    await expect(visitor.composer).toHaveValue("not sent yet");
    await visitor.send();
    await visitor.reads("not sent yet");
    await expect.poll(() => api.count("create")).toBe(2);
    expect(await visitor.timesRead("Hello")).toBe(0);
  });

  test(`${code}: on the next page it says so, too, and invites to nothing that cannot be done`, async ({
    visitor,
    api,
  }) => {
    await visitor.beginConversation("Hello");
    const greeting = visitor.panel.getByText("How can we help?");
    const invitation = visitor.panel.getByText("Write to us below");
    api.break("poll", { status: 410, code });
    await visitor.reload();
    await visitor.openChat();
    await expect(visitor.panel).toContainText(words);
    await expect(visitor.composer).toBeHidden();
    await expect(greeting).toBeHidden();
    await expect(invitation).toBeHidden();
    await visitor.panel.getByRole("button", { name: "Start a new chat" }).click();
    await expect(visitor.composer).toBeFocused();
    await expect(greeting).toBeVisible();
    await expect(invitation).toBeVisible();
  });
}

test("what arrives unseen is counted on the launcher and, in a hidden tab, in the title", async ({
  visitor,
  host,
  api,
}) => {
  host.is({ lang: "en", title: "Prices" });
  await visitor.beginConversation("Hello");
  await visitor.closePanel();
  api.reply("One");
  api.reply("Two");
  await expect(visitor.launcher).toHaveAccessibleDescription("New messages: 2");
  await expect(visitor.badge).toHaveText("2");
  expect(await visitor.page.title()).toBe("Prices");

  await setVisible(false);
  await expect.poll(() => visitor.page.title()).toBe("(2) Prices");
  api.reply("Three");
  await expect.poll(() => visitor.page.title(), { timeout: 30_000 }).toBe("(3) Prices");
  // If a page changes its title, the new title stays.
  await visitor.page.evaluate(() => (document.title = "Other prices"));
  await setVisible(true);
  await expect.poll(() => visitor.page.title()).toBe("Other prices");

  await visitor.openChat();
  await expect(visitor.launcher).toHaveAccessibleDescription("");
  await expect(visitor.badge).toBeHidden();

  async function setVisible(visible: boolean): Promise<void> {
    await visitor.page.evaluate((state) => {
      Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }, visible ? "visible" : "hidden");
  }
});

test("edited and removed messages change in their place", async ({ visitor, api }) => {
  await visitor.beginConversation("Hello");
  const first = api.reply("Helo");
  const second = api.reply("A secret");
  await visitor.reads("A secret");
  api.change(first, "Hello!");
  api.change(second);
  await visitor.reads("Hello!");
  await visitor.reads("Edited");
  await visitor.reads("This message was removed.");
  expect(await visitor.timesRead("A secret")).toBe(0);
  expect(await visitor.timesRead("Helo\n")).toBe(0);
});

test("a counter appears near the limit, and over it nothing can be sent", async ({ visitor }) => {
  await visitor.visit();
  await visitor.openChat();
  const hint = visitor.panel.getByText("/ 4,000");
  await visitor.write("a".repeat(3_500));
  await expect(hint).toBeHidden();
  await visitor.write("a".repeat(3_700));
  await expect(hint).toHaveText("3,700 / 4,000");
  await visitor.write("a".repeat(4_000));
  await expect(visitor.sendButton).toBeEnabled();
  await visitor.write("a".repeat(4_001));
  await expect(hint).toHaveText("4,001 / 4,000 Your message is too long.");
  await expect(visitor.composer).toHaveAccessibleDescription(/too long/);
  await expect(visitor.composer).toHaveAttribute("aria-invalid", "true");
  await expect(visitor.sendButton).toBeDisabled();
});

test("Enter sends, Shift+Enter breaks the line, a composition is not cut", async ({
  visitor,
  api,
}) => {
  await visitor.visit();
  await visitor.openChat();
  await visitor.composer.pressSequentially("one");
  await visitor.composer.press("Shift+Enter");
  await visitor.composer.pressSequentially("two");
  // The Enter that accepts an input method's candidate does not send the message.
  await visitor.composer.evaluate((composer) => {
    for (const more of [{ isComposing: true }, { keyCode: 229 }]) {
      const event = { key: "Enter", bubbles: true, composed: true, cancelable: true, ...more };
      composer.dispatchEvent(new KeyboardEvent("keydown", event));
    }
  });
  expect(api.count("create")).toBe(0);
  await expect(visitor.composer).toHaveValue("one\ntwo");
  await visitor.composer.press("Enter");
  await visitor.reads("one\ntwo");
  await expect.poll(() => api.last("create")["initialMessage"]).toBe("one\ntwo");
});

test("nothing that people write breaks the panel", async ({ visitor, api }) => {
  test.setTimeout(120_000);
  await visitor.beginConversation("Hello");
  for (const body of [
    "Donaudampfschifffahrtsgesellschaft".repeat(30),
    "https://example.com/" + "path/".repeat(200),
    "x".repeat(4_000),
    "👩‍👩‍👧‍👦🏳️‍🌈".repeat(100),
    "مرحبا، هذا نص طويل. ".repeat(50),
    "fn main() {\n\tprintln!(\"a very long line of code that does not end soon, not even here\");\n}",
    "<b>bold</b> &amp; <script>alert(1)</script>",
  ]) {
    api.reply(body);
  }
  for (let n = 0; n < 500; n += 1) api.reply(`Message ${n}`);
  await visitor.reads("Message 499");
  expect(await visitor.timesRead("<b>bold</b> &amp;")).toBe(1);

  const overflow = await visitor.transcript.evaluate((log) => ({
    log: log.scrollWidth - log.clientWidth,
    page: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    wide: [...log.querySelectorAll("p")].filter((it) => it.scrollWidth > it.clientWidth).length,
  }));
  expect(overflow).toEqual({ log: 0, page: 0, wide: 0 });
  // The end of the log is visible, and typing stays fast.
  const end = visitor.transcript.getByText("Message 499");
  await expect(end).toBeInViewport();
  await visitor.composer.pressSequentially("quick");
  await expect(visitor.composer).toHaveValue("quick");
});

test("a reload keeps the conversation, and another browser has another one", async ({
  visitor,
  api,
  browser,
}) => {
  await visitor.beginConversation("In the first");
  const first = await visitor.storedSession();
  await visitor.reload();
  await visitor.openChat();
  await visitor.reads("In the first");
  expect(await visitor.storedSession()).toEqual(first);
  expect(api.count("create")).toBe(1);

  const context = await browser.newContext({ baseURL: HOST_ORIGIN });
  const page = await context.newPage();
  const other = await Visitor.at(page);
  await other.visit();
  await other.openChat();
  expect(await other.sessionStorage()).toEqual({});
  await other.say("In the second");
  expect(await other.timesRead("In the first")).toBe(0);
  expect(await visitor.storedSession()).toEqual(first);
  await context.close();
});

import type { Locator } from "@playwright/test";

import type { Visitor } from "../support/visitor.ts";
import { expect, test } from "./fixtures.ts";

/** The session storage key of the visitor's answer. */
const EMAIL_KEY = "matrix-support-chat-email";

const field = (visitor: Visitor): Locator =>
  visitor.panel.getByRole("textbox", { name: "Where may we answer if you leave?" });
const button = (visitor: Visitor, name: string): Locator => visitor.panel.getByRole("button", { name, exact: true });

test.beforeEach(({ api }) => {
  api.availability = { open: false, mail: true };
});

test("while nobody is there, an address may be left, and taken back", async ({ visitor, api }) => {
  await visitor.visit();
  await visitor.openChat();
  await expect(visitor.panel.locator(".hours")).toContainText("Nobody is here");
  await expect(field(visitor), "there is no conversation yet").toBeHidden();
  await visitor.say("Hello");
  await expect(field(visitor)).toBeVisible();
  await expect(visitor.composer, "it does not take the focus").toBeFocused();
  await expect(field(visitor)).toHaveAttribute("type", "email");
  await expect(visitor.panel.getByRole("status").filter({ hasText: "Where may we answer" })).toHaveCount(1);

  await field(visitor).fill("ada@host.example");
  await button(visitor, "Save").click();
  await expect(visitor.panel.locator(".offer")).toContainText("If you leave, we answer to ada@host.example.");
  await expect(visitor.composer).toBeFocused();
  expect(api.email).toBe("ada@host.example");
  const { request } = api.requests.find(({ operation }) => operation === "set-email") ?? {};
  expect(request?.method()).toBe("PUT");
  expect(request?.headers()["authorization"]).toBe(`Bearer ${api.token}`);

  await button(visitor, "Remove address").click();
  await expect(visitor.panel.getByRole("status").filter({ hasText: "Your address was removed." })).toHaveCount(1);
  await expect(field(visitor)).toBeHidden();
  expect(api.email).toBeUndefined();
});

test("the tab remembers that it was answered, and not the address", async ({ visitor }) => {
  await visitor.beginConversation("Hello");
  await field(visitor).fill("ada@host.example");
  await button(visitor, "Save").click();
  await expect(visitor.panel.locator(".offer")).toContainText("ada@host.example");
  const stored = await visitor.sessionStorage();
  expect(JSON.parse(stored[EMAIL_KEY] ?? "{}")).toMatchObject({ is: "saved" });
  expect(JSON.stringify(stored)).not.toContain("ada@");

  await visitor.reload();
  await visitor.openChat();
  await expect(visitor.panel.locator(".offer")).toContainText("If you leave, we answer by e-mail.");
  await expect(field(visitor)).toBeHidden();
});

test("whoever wants none is not asked again", async ({ visitor, api }) => {
  await visitor.beginConversation("Hello");
  await button(visitor, "No, thanks").click();
  await expect(field(visitor)).toBeHidden();
  await expect(visitor.composer).toBeFocused();
  await visitor.reload();
  await visitor.openChat();
  await visitor.reads("Hello");
  await expect(visitor.panel.locator(".hours")).toContainText("Nobody is here");
  await expect(field(visitor)).toBeHidden();
  expect(api.count("set-email")).toBe(0);
});

test("a conversation can be mailed to the address, after its end, too", async ({ visitor, api }) => {
  const copy = button(visitor, "Mail me this conversation");
  await visitor.beginConversation("Hello");
  await expect(field(visitor)).toBeVisible();
  await expect(copy, "there is no address yet").toBeHidden();
  await field(visitor).fill("ada@host.example");
  await button(visitor, "Save").click();
  api.break("mail-transcript", { status: 429, code: "rate_limited", retryAfter: 60 });
  await copy.click();
  await expect(visitor.panel.locator(".offer")).toContainText("could not be mailed");
  await expect(copy).toBeFocused();
  api.mend();
  await copy.click();
  await expect(visitor.panel.locator(".offer")).toContainText("This conversation will be mailed to you.");
  await expect(copy).toBeHidden();
  const keys = api.requests
    .filter(({ operation }) => operation === "mail-transcript")
    .map(({ request }) => request.headers()["idempotency-key"]);
  expect(keys).toHaveLength(2);
  expect(new Set(keys).size, "a repetition is the same request").toBe(1);

  await visitor.endChat();
  await expect(button(visitor, "Remove address")).toBeHidden();
  await copy.click();
  await expect(visitor.panel.locator(".offer")).toContainText("This conversation will be mailed to you.");
  await visitor.reload();
  await visitor.openChat();
  await expect(copy, "on a later page, too").toBeVisible();
});

test("while somebody is there, it is asked for after two minutes without an answer", async ({ visitor, api }) => {
  const { page } = visitor;
  api.availability = { open: true, mail: true };
  api.now = new Date("2026-05-23T14:05:00Z");
  await page.clock.install({ time: api.now });
  await visitor.beginConversation("Hello");
  await page.clock.runFor("01:50");
  await visitor.reads("Delivered");
  await expect(field(visitor)).toBeHidden();
  await page.clock.runFor("00:15");
  await expect(field(visitor)).toBeVisible();
});

test("and not where an answer has come", async ({ visitor, api }) => {
  const { page } = visitor;
  api.availability = { open: true, mail: true };
  api.now = new Date("2026-05-23T14:05:00Z");
  await page.clock.install({ time: api.now });
  await visitor.beginConversation("Hello");
  api.reply("Hi!");
  await page.clock.runFor("00:05");
  await visitor.reads("Hi!");
  await page.clock.runFor("03:00");
  await visitor.reads("Hi!");
  await expect(field(visitor)).toBeHidden();
});

test("a server that does not mail is not asked to", async ({ visitor, api }) => {
  api.availability = { open: false };
  await visitor.beginConversation("Hello");
  await expect(visitor.panel.locator(".hours")).toContainText("Nobody is here");
  await expect(field(visitor)).toBeHidden();
});

test("the address that the page knows is offered, and not sent by itself", async ({ visitor, api, host }) => {
  host.is({ lang: "en", attributes: 'visitor-email="ada@host.example"' });
  await visitor.beginConversation("Hello");
  await expect(field(visitor)).toHaveValue("ada@host.example");
  expect(api.count("set-email")).toBe(0);
});

test("what is no address is an error of the field", async ({ visitor, api }) => {
  await visitor.beginConversation("Hello");
  for (const typed of ["", "ada"]) {
    await field(visitor).fill(typed);
    await button(visitor, "Save").click();
    await expect(field(visitor)).toHaveAccessibleDescription("This is not an e-mail address.");
    await expect(field(visitor)).toHaveAttribute("aria-invalid", "true");
    await expect(field(visitor)).toBeFocused();
  }
  expect(api.count("set-email"), "it costs no request").toBe(0);
  api.break("set-email", { status: 422, code: "invalid_field", errors: [{ field: "email", code: "invalid_field" }] });
  // In Firefox, filling a field of this type appends to its content.
  await field(visitor).press("End");
  await field(visitor).pressSequentially("@host");
  await field(visitor).press("Enter");
  await expect.poll(() => api.count("set-email")).toBe(1);
  await expect(field(visitor)).toHaveAccessibleDescription("This is not an e-mail address.");
  await expect(field(visitor)).toHaveValue("ada@host");
});

test("an address that could not be saved, or removed, stays what it was", async ({ visitor, api }) => {
  await visitor.beginConversation("Hello");
  api.break("set-email", "unreachable");
  await field(visitor).fill("ada@host.example");
  await button(visitor, "Save").click();
  await expect(field(visitor)).toHaveAccessibleDescription("That could not be saved. Please try again.");
  await expect(field(visitor)).toHaveAttribute("aria-invalid", "false");
  api.mend();
  api.break("drop-email", { status: 502, html: "<h1>Bad gateway</h1>" });
  await button(visitor, "Save").click();
  await button(visitor, "Remove address").click();
  await expect(visitor.panel.locator(".offer .error")).toHaveText("That could not be saved. Please try again.");
  await expect(visitor.panel.locator(".offer")).toContainText("ada@host.example");
  expect(api.email).toBe("ada@host.example");
});

test("the newest line stays in sight above it", async ({ visitor, api }) => {
  await visitor.beginConversation("Hello");
  await button(visitor, "No, thanks").click();
  await visitor.endChat();
  await visitor.panel.getByRole("button", { name: "Start a new chat" }).click();
  const answer = api.hold("availability");
  await visitor.reload();
  await visitor.openChat();
  for (let n = 0; n < 12; n += 1) await visitor.say(`Line ${n}`);
  answer();
  await expect(field(visitor)).toBeVisible();
  const left = (): Promise<number> =>
    visitor.transcript.evaluate((log) => log.scrollHeight - log.scrollTop - log.clientHeight);
  await expect.poll(left).toBeLessThan(2);
});

test("what is being typed stays when somebody comes, and goes when the chat ends", async ({ visitor, api }) => {
  await visitor.beginConversation("Hello");
  await field(visitor).fill("ada@");
  api.reply("Hi!");
  await visitor.reads("Hi!");
  await expect(field(visitor)).toHaveValue("ada@");
  await visitor.endChat();
  await expect(visitor.panel).toContainText("This chat has ended");
  await expect(field(visitor)).toBeHidden();
});

import type { Locator } from "@playwright/test";

import { STORAGE_KEY, type Visitor } from "../support/visitor.ts";
import { expect, test } from "./fixtures.ts";

const CODE = "the-code-of-a-mail";
/** The session storage key of the code until the server has answered. */
const RESUME_KEY = "matrix-support-chat-resume";

const wayOut = (visitor: Visitor): Locator =>
  visitor.panel.getByRole("button", { name: "Start a new chat", exact: true });

/** A conversation with a reply that this browser does not know any more. */
test.beforeEach(async ({ visitor, api, host }) => {
  host.is({ lang: "en", attributes: "resume" });
  await visitor.beginConversation("Hello");
  api.reply("Here is the answer");
  await visitor.reads("Here is the answer");
  const { sessionId } = await visitor.storedSession();
  api.codes.set(CODE, sessionId);
  await visitor.page.evaluate(() => sessionStorage.clear());
  await visitor.page.goto("about:blank");
  api.requests.length = 0;
});

test("the link of a mail opens the conversation, and the code is out of the address at once", async ({
  visitor,
  api,
}) => {
  await visitor.visit(`/page?query=1#support-chat=${CODE}`);
  await expect(visitor.panel).toBeVisible();
  await visitor.reads("Here is the answer");
  expect(new URL(visitor.page.url()).hash).toBe("");
  expect(new URL(visitor.page.url()).search).toBe("?query=1");
  await visitor.say("Thank you!");
  expect(api.count("create")).toBe(0);
  expect(api.count("resume")).toBe(1);
  const { request } = api.requests.find(({ operation }) => operation === "resume") ?? {};
  expect(request?.headers()["idempotency-key"]).toMatch(/^[!-~]{10,128}$/);
  expect(request?.postDataJSON()).toEqual({ code: CODE });
  const stored = await visitor.sessionStorage();
  expect(stored[RESUME_KEY]).toBeUndefined();
  expect(JSON.stringify(stored)).not.toContain(CODE);

  // The conversation continues normally.
  await visitor.reload();
  await visitor.openChat();
  await visitor.reads("Thank you!");
  expect(api.count("resume")).toBe(1);
});

test("without the attribute, the address is none of the chat's business", async ({ visitor, api, host }) => {
  host.is({ lang: "en" });
  await visitor.visit(`/#support-chat=${CODE}`);
  await expect(visitor.launcher).toBeVisible();
  await visitor.page.waitForLoadState("networkidle");
  await arrives(visitor, `${CODE}2`);
  expect(new URL(visitor.page.url()).hash).toBe(`#support-chat=${CODE}2`);
  await expect(visitor.panel).toBeHidden();
  expect(api.requests).toEqual([]);
});

test("a code that was used is told, and a new chat can be started", async ({ visitor, api }) => {
  api.codes.clear();
  await visitor.visit(`/#support-chat=${CODE}`);
  await expect(visitor.panel).toContainText("This link was used before, or is too old.");
  await wayOut(visitor).click();
  await expect(visitor.composer).toBeFocused();
  await visitor.say("Then I begin again");
  expect(api.count("resume")).toBe(1);
  expect((await visitor.sessionStorage())[RESUME_KEY]).toBeUndefined();
});

test("a network fault keeps the code, on the next page too, and tries again under the same key", async ({
  visitor,
  api,
}) => {
  api.break("resume", "unreachable");
  await visitor.visit(`/#support-chat=${CODE}`);
  await expect(visitor.panel).toContainText("We can't reach the chat right now.");
  await expect.poll(() => api.count("resume")).toBeGreaterThan(0);
  await visitor.visit("/another");
  await expect(visitor.panel).toContainText("We can't reach the chat right now.");
  const before = api.count("resume");
  await expect.poll(() => api.count("resume"), "it tries again").toBeGreaterThan(before);
  api.mend();
  await visitor.page.evaluate(() => dispatchEvent(new Event("online")));
  await visitor.reads("Here is the answer");
  const keys = api.requests
    .filter(({ operation }) => operation === "resume")
    .map(({ request }) => request.headers()["idempotency-key"]);
  expect(new Set(keys).size).toBe(1);
});

test("the page of a proxy uses no code up", async ({ visitor, api }) => {
  api.break("resume", { status: 404, html: "<h1>Not found</h1>" });
  await visitor.visit(`/#support-chat=${CODE}`);
  await expect(visitor.panel).toContainText("We can't reach the chat right now.");
  api.mend();
  await visitor.page.evaluate(() => dispatchEvent(new Event("online")));
  await visitor.reads("Here is the answer");
});

test("whoever does not want to wait starts a new chat, and the code is given up", async ({ visitor, api }) => {
  api.break("resume", "unreachable");
  await visitor.visit(`/#support-chat=${CODE}`);
  await wayOut(visitor).click();
  await visitor.say("Hello again");
  expect((await visitor.sessionStorage())[RESUME_KEY]).toBeUndefined();
  api.mend();
  await visitor.page.evaluate(() => dispatchEvent(new Event("online")));
  await visitor.say("Still here");
  expect(await visitor.timesRead("Here is the answer")).toBe(0);
});

test("nothing is sent into another conversation while the code is asked for", async ({ visitor, api }) => {
  const answer = api.hold("resume");
  await visitor.visit(`/#support-chat=${CODE}`);
  await expect(visitor.panel).toContainText("Loading your conversation…");
  await expect(visitor.panel.locator(".composer")).toHaveJSProperty("inert", true);
  answer();
  await visitor.reads("Here is the answer");
  await expect(visitor.panel.locator(".composer")).toHaveJSProperty("inert", false);
  await expect(visitor.composer).toBeFocused();
});

test("the conversation of the mail takes the place of the tab's own", async ({ visitor, api }) => {
  await visitor.beginConversation("Another one");
  const { sessionId } = await visitor.storedSession();
  await visitor.visit(`/?again#support-chat=${CODE}`);
  await visitor.reads("Here is the answer");
  expect(await visitor.timesRead("Another one")).toBe(0);
  expect(JSON.parse((await visitor.sessionStorage())[STORAGE_KEY] ?? "{}").sessionId).not.toBe(sessionId);
  expect(api.count("create")).toBe(1);
});

/** Has the address get the code without another page, as a link on a page that is open already does. */
async function arrives(visitor: Visitor, code: string): Promise<void> {
  await visitor.page.evaluate((code) => {
    Object.assign(window, { isSamePage: true });
    location.hash = `support-chat=${code}`;
  }, code);
}

test("a code that comes without a reload resumes, too, and is out of the address at once", async ({ visitor, api }) => {
  await visitor.visit("/page?query=1");
  await expect(visitor.launcher).toBeVisible();
  await visitor.page.waitForLoadState("networkidle");
  expect(api.requests).toEqual([]);
  await arrives(visitor, CODE);
  await expect(visitor.panel).toBeVisible();
  await visitor.reads("Here is the answer");
  const url = new URL(visitor.page.url());
  expect([url.pathname, url.search, url.hash]).toEqual(["/page", "?query=1", ""]);
  expect(await visitor.page.evaluate(() => "isSamePage" in window)).toBe(true);
  expect(api.count("resume")).toBe(1);
});

test("an open panel takes such a code as well, and another after one that was used", async ({ visitor, api }) => {
  await visitor.beginConversation("Another one");
  await arrives(visitor, "used");
  await expect(visitor.panel).toContainText("This link was used before, or is too old.");
  expect(new URL(visitor.page.url()).hash).toBe("");
  await arrives(visitor, CODE);
  await visitor.reads("Here is the answer");
  expect(await visitor.timesRead("Another one")).toBe(0);
  await expect(visitor.panel).not.toContainText("This link was used before");
  await expect(visitor.composer).toBeFocused();
  const { sessionId } = await visitor.storedSession();
  expect(sessionId).toBe(api.codes.get(CODE));
  await visitor.write("Thank you!");
  await visitor.send();
  await expect.poll(() => api.count("send")).toBe(1);
  const { request } = api.requests.find(({ operation }) => operation === "send") ?? {};
  expect(request?.url()).toContain(`/sessions/${sessionId}/`);
});

test("of two codes, the later one counts", async ({ visitor, api }) => {
  api.break("resume", "unreachable");
  await visitor.visit("/#support-chat=first");
  await expect(visitor.panel).toContainText("We can't reach the chat right now.");
  await arrives(visitor, CODE);
  await expect.poll(() => api.last("resume")).toEqual({ code: CODE });
  api.mend();
  await visitor.page.evaluate(() => dispatchEvent(new Event("online")));
  await visitor.reads("Here is the answer");
  expect((await visitor.sessionStorage())[RESUME_KEY]).toBeUndefined();
});

test("an element that is gone takes no code", async ({ visitor }) => {
  await visitor.visit();
  await expect(visitor.launcher).toBeVisible();
  await visitor.page.waitForLoadState("networkidle");
  await visitor.page.evaluate(() => document.querySelector("matrix-support-chat")?.remove());
  await arrives(visitor, CODE);
  await visitor.page.evaluate(() => new Promise((resolve) => setTimeout(resolve)));
  expect(new URL(visitor.page.url()).hash).toBe(`#support-chat=${CODE}`);
  expect(await visitor.sessionStorage()).toEqual({});
});

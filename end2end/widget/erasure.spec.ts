import type { Locator } from "@playwright/test";

import type { Visitor } from "../support/visitor.ts";
import { expect, test } from "./fixtures.ts";

const button = (visitor: Visitor, name: string): Locator => visitor.panel.getByRole("button", { name, exact: true });
const ask = (visitor: Visitor): Promise<void> => button(visitor, "Delete this conversation").click();

test("after the end the visitor may have the conversation deleted, and is asked once", async ({ visitor, api }) => {
  await visitor.beginConversation("Hello");
  await expect(button(visitor, "Delete this conversation"), "it is going on").toBeHidden();
  await visitor.endChat();
  await ask(visitor);
  await expect(button(visitor, "Keep it"), "the answer that changes nothing").toBeFocused();
  await expect(visitor.panel.getByRole("group", { name: "Delete this conversation for good?" })).toBeVisible();
  await button(visitor, "Keep it").click();
  await expect(button(visitor, "Delete this conversation")).toBeFocused();
  expect(api.count("erase")).toBe(0);

  await ask(visitor);
  await button(visitor, "Delete").click();
  await expect(visitor.panel.getByRole("status").filter({ hasText: "The conversation was deleted." })).toHaveCount(1);
  await expect(visitor.composer).toBeFocused();
  await expect(visitor.transcript).toBeEmpty();
  await expect(button(visitor, "Save this conversation")).toBeHidden();
  const { request } = api.requests.find(({ operation }) => operation === "erase") ?? {};
  expect(new URL(request?.url() ?? "").pathname).toBe("/v1/support-chat/sessions/s1");
  expect(request?.headers()["authorization"]).toBe(`Bearer ${api.token}`);
  expect(await visitor.sessionStorage()).toEqual({});
  await visitor.say("Another one");
  expect(api.count("create")).toBe(2);
});

test("one that staff have ended, and one of an earlier page, too", async ({ visitor, api }) => {
  await visitor.beginConversation("Hello");
  api.break("poll", { status: 410, code: "session_closed" });
  await expect(visitor.panel).toContainText("This chat has ended");
  await ask(visitor);
  await button(visitor, "Delete").click();
  await expect(visitor.composer).toBeFocused();
  await expect.poll(() => visitor.sessionStorage()).toEqual({});
  api.mend();

  await visitor.say("Another one");
  await visitor.endChat();
  await expect(visitor.panel).toContainText("This chat has ended");
  await visitor.reload();
  await visitor.openChat();
  await ask(visitor);
  await button(visitor, "Delete").click();
  await expect(button(visitor, "Delete this conversation")).toBeHidden();
  await expect.poll(() => visitor.sessionStorage()).toEqual({});
  expect(api.count("erase")).toBe(2);
});

for (const [what, fault] of [
  ["cannot be reached", "unreachable"],
  ["is a portal", { status: 200, html: "<h1>Log in</h1>" }],
  ["is overloaded", { status: 503, code: "database_unavailable", retryAfter: 1 }],
] as const) {
  test(`where the server ${what}, the visitor is told, and nothing is forgotten`, async ({ visitor, api }) => {
    await visitor.beginConversation("Hello");
    await visitor.endChat();
    await ask(visitor);
    api.break("erase", fault);
    await button(visitor, "Delete").click();
    await expect(visitor.alert).toHaveText("The conversation could not be deleted. Please try again.");
    await visitor.reads("Hello");
    expect(Object.keys(await visitor.sessionStorage())).toEqual(["matrix-support-chat-ended"]);
    api.mend();
    await button(visitor, "Delete").click();
    await expect(visitor.composer).toBeFocused();
    expect(await visitor.sessionStorage()).toEqual({});
  });
}

test("what the server does not know is deleted", async ({ visitor, api }) => {
  await visitor.beginConversation("Hello");
  await visitor.endChat();
  await ask(visitor);
  api.break("erase", { status: 404, code: "session_not_found" });
  await button(visitor, "Delete").click();
  await expect(visitor.composer).toBeFocused();
  expect(await visitor.sessionStorage()).toEqual({});
});

test("on a small screen, everything after the end can be reached", async ({ visitor, api }) => {
  api.availability = { open: true, rating: true };
  await visitor.page.setViewportSize({ width: 320, height: 480 });
  await visitor.beginConversation("Hello");
  await visitor.endChat();
  await button(visitor, "Good").click();
  await ask(visitor);
  for (const name of ["Delete", "Keep it", "Start a new chat", "Good"]) {
    await button(visitor, name).scrollIntoViewIfNeeded();
    await expect(button(visitor, name)).toBeInViewport({ ratio: 1 });
    const isOnTop = await button(visitor, name).evaluate((it) => {
      const { x, y, width, height } = it.getBoundingClientRect();
      const root = it.getRootNode() as ShadowRoot;
      return root.elementFromPoint(x + width / 2, y + height / 2) === it;
    });
    expect(isOnTop, name).toBe(true);
  }
});

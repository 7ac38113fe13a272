import type { Locator } from "@playwright/test";

import type { Visitor } from "../support/visitor.ts";
import { expect, test } from "./fixtures.ts";

const question = (visitor: Visitor): Locator => visitor.panel.getByRole("group", { name: "How was it?" });
const answer = (visitor: Visitor, name: string): Locator => question(visitor).getByRole("button", { name, exact: true });
const comment = (visitor: Visitor): Locator => question(visitor).getByRole("textbox");

test.beforeEach(({ api }) => {
  api.availability = { open: true, rating: true };
});

test("after the end the visitor is asked how it was, and may say more, and something else", async ({ visitor, api }) => {
  await visitor.beginConversation("Hello");
  await expect(question(visitor)).toBeHidden();
  await visitor.endChat();
  await expect(question(visitor)).toBeVisible();
  await expect(comment(visitor)).toBeHidden();
  await answer(visitor, "Good").click();
  await expect(question(visitor).getByRole("status")).toHaveText("Thank you!");
  await expect(answer(visitor, "Good")).toHaveAttribute("aria-pressed", "true");
  const [line, box] = await Promise.all([comment(visitor), question(visitor)].map((it) => it.boundingBox()));
  expect(line?.width, "it is for a sentence").toBeCloseTo(box?.width ?? NaN, 0);
  expect(api.rating).toEqual({ rating: "good" });
  const { request } = api.requests.find(({ operation }) => operation === "rating") ?? {};
  expect(request?.method()).toBe("PUT");
  expect(request?.headers()["authorization"]).toBe(`Bearer ${api.token}`);

  await comment(visitor).fill("Quick and kind");
  await comment(visitor).press("Enter");
  await expect.poll(() => api.rating).toEqual({ rating: "good", comment: "Quick and kind" });
  await expect(question(visitor).getByRole("status")).toHaveText("Thank you! Your comment was sent.");
  await expect(comment(visitor)).toBeHidden();
  await expect(answer(visitor, "Good")).toBeFocused();
  await answer(visitor, "Not good").click();
  await expect.poll(() => api.rating).toEqual({ rating: "bad", comment: "Quick and kind" });
  await expect(answer(visitor, "Good")).toHaveAttribute("aria-pressed", "false");
  await expect(answer(visitor, "Not good")).toHaveAttribute("aria-pressed", "true");
});

test("one that staff have ended is asked about after a reload, and not once it was said", async ({ visitor, api }) => {
  await visitor.beginConversation("Hello");
  api.break("poll", { status: 410, code: "session_closed" });
  await expect(question(visitor)).toBeVisible();
  await visitor.reload();
  await visitor.openChat();
  await answer(visitor, "Not good").click();
  await expect(question(visitor).getByRole("status")).toHaveText("Thank you!");
  await visitor.reload();
  await visitor.openChat();
  await expect(visitor.panel.getByRole("button", { name: "Save this conversation" })).toBeVisible();
  await expect(visitor.panel.locator(".hours")).toBeEmpty();
  await expect(question(visitor)).toBeHidden();
  expect(api.count("rating")).toBe(1);

  // The next conversation can be rated as well.
  api.mend();
  await visitor.panel.getByRole("button", { name: "Start a new chat" }).click();
  await visitor.say("Hello again");
  await visitor.endChat();
  await expect(answer(visitor, "Not good")).toHaveAttribute("aria-pressed", "false");
});

test("one that the visitor has ended can be rated after a reload, once", async ({ visitor, api }) => {
  await visitor.beginConversation("Hello");
  await visitor.endChat();
  await expect(question(visitor)).toBeVisible();
  await visitor.reload();
  await visitor.openChat();
  await answer(visitor, "Good").click();
  await expect(question(visitor).getByRole("status")).toHaveText("Thank you!");
  expect(api.rating).toEqual({ rating: "good" });
  const { request } = api.requests.find(({ operation }) => operation === "rating") ?? {};
  expect(request?.headers()["authorization"]).toBe(`Bearer ${api.token}`);
  await visitor.reload();
  await visitor.openChat();
  await expect(visitor.panel.getByRole("button", { name: "Save this conversation" })).toBeVisible();
  await expect(visitor.panel.locator(".hours")).not.toBeEmpty();
  await expect(question(visitor)).toBeHidden();
});

test("what could not be saved is told, and can be said again", async ({ visitor, api }) => {
  await visitor.beginConversation("Hello");
  await visitor.endChat();
  api.break("rating", "unreachable");
  await answer(visitor, "Good").click();
  await expect(question(visitor).getByRole("status")).toHaveText("That could not be saved. Please try again.");
  await expect(answer(visitor, "Good")).toHaveAttribute("aria-pressed", "false");
  api.mend();
  await answer(visitor, "Good").click();
  await expect(question(visitor).getByRole("status")).toHaveText("Thank you!");
});

test("a server that takes no ratings is given none", async ({ visitor, api }) => {
  api.availability = { open: true };
  await visitor.beginConversation("Hello");
  await visitor.endChat();
  await expect(visitor.panel.getByRole("button", { name: "Save this conversation" })).toBeVisible();
  await expect(question(visitor)).toBeHidden();
});

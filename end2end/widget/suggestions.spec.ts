import type { Locator } from "@playwright/test";

import type { Visitor } from "../support/visitor.ts";
import { expect, test } from "./fixtures.ts";

const group = (visitor: Visitor): Locator => visitor.panel.getByRole("group", { name: "Suggested questions" });
const SUGGESTS = (questions: string): Record<string, string> => ({
  "/suggestions.js": `document.querySelector("matrix-support-chat").suggestions = ${questions};`,
});

test("a suggested question is written and sent by one click, and then they are gone", async ({ visitor, api, host }) => {
  host.is({ lang: "en", scripts: SUGGESTS('["How much is it?", "<b>Where</b> are you?"]') });
  await visitor.visit();
  await visitor.openChat();
  await expect(group(visitor).getByRole("button")).toHaveText(["How much is it?", "<b>Where</b> are you?"]);
  await group(visitor).getByRole("button").first().click();
  await visitor.reads("How much is it?");
  expect(api.last("create")).toMatchObject({ initialMessage: "How much is it?" });
  await expect(visitor.composer).toHaveValue("");
  await expect(visitor.composer).toBeFocused();
  await expect(group(visitor)).toBeHidden();
});

test("what was typed already stays, and is not sent", async ({ visitor, api, host }) => {
  host.is({ lang: "en", scripts: SUGGESTS('["How much is it?"]') });
  await visitor.visit();
  await visitor.openChat();
  await visitor.write("I am Ada.");
  await group(visitor).getByRole("button").click();
  await expect(visitor.composer).toHaveValue("I am Ada.\nHow much is it?");
  expect(api.count("create")).toBe(0);
});

for (const [what, questions, shown] of [
  ["nothing", "undefined", []],
  ["no list", '"How much?"', []],
  ["what throws", "new Proxy([], { get() { throw 1; } })", []],
  ["a book", '["x".repeat(9_000), "y".repeat(201), "One"]', ["One"]],
  ["other things among texts", '["", " ", 1, null, {}, "One"]', ["One"]],
  ["very many", "Array.from({ length: 50 }, (_, n) => `Question ${n}`)", ["Question 0", "Question 1", "Question 2", "Question 3", "Question 4", "Question 5"]],
] as const) {
  test(`a page may suggest ${what}`, async ({ visitor, host }) => {
    host.is({ lang: "en", scripts: SUGGESTS(questions) });
    await visitor.visit();
    await visitor.openChat();
    await expect(visitor.panel.locator(".hours")).toHaveText("Support is open now.");
    await expect(visitor.panel.locator(".suggestions button")).toHaveText([...shown]);
  });
}

import { readFile } from "node:fs/promises";

import type { Locator } from "@playwright/test";

import type { Visitor } from "../support/visitor.ts";
import { expect, test } from "./fixtures.ts";

test.use({ timezoneId: "Asia/Kathmandu" });

const saveButton = (visitor: Visitor): Locator =>
  visitor.panel.getByRole("button", { name: "Save this conversation", exact: true });

/** The session storage key of a conversation that the visitor has ended. */
const PAST_KEY = "matrix-support-chat-ended";

declare global {
  interface Window {
    /** The texts that files were created from. */
    files: Promise<string>[];
  }
}

/** The file that the browser is told to save. */
async function saved(visitor: Visitor): Promise<string> {
  const { page } = visitor;
  await page.evaluate(() => {
    const { createObjectURL } = URL;
    window.files = [];
    URL.createObjectURL = (blob: Blob) => {
      window.files.push(blob.text());
      URL.createObjectURL = createObjectURL;
      return createObjectURL(blob);
    };
  });
  await saveButton(visitor).click();
  await expect.poll(() => page.evaluate(() => window.files.length)).toBe(1);
  return page.evaluate(() => window.files[0] as Promise<string>);
}

test("the browser saves a file", async ({ visitor, api }) => {
  await visitor.beginConversation("Hello");
  const download = visitor.page.waitForEvent("download");
  await saveButton(visitor).click();
  const file = await download;
  expect(file.suggestedFilename()).toMatch(/^conversation-\d{4}-\d\d-\d\d\.txt$/);
  expect(await readFile(await file.path(), "utf8")).toBe(api.transcript);
});

test("a conversation is saved as a file, with times of the visitor's zone", async ({ visitor, api }) => {
  api.transcript = "14:05 You: Grüße ✓\n";
  await visitor.visit();
  await visitor.openChat();
  await expect(saveButton(visitor), "there is nothing to save yet").toBeHidden();
  await visitor.say("Hello");
  expect(await saved(visitor)).toBe(api.transcript);
  const { request } = api.requests.find(({ operation }) => operation === "transcript") ?? {};
  expect(request?.headers()["authorization"]).toBe(`Bearer ${api.token}`);
  expect(new URL(request?.url() ?? "").searchParams.get("timeZone")).toMatch(/^Asia\/Ka[th]+mandu$/);
});

test("also after the end, whoever has ended it", async ({ visitor, api }) => {
  await visitor.beginConversation("Hello");
  await visitor.endChat();
  await expect(visitor.panel).toContainText("This chat has ended");
  expect(await saved(visitor)).toBe(api.transcript);
  await visitor.panel.getByRole("button", { name: "Start a new chat" }).click();
  await expect(saveButton(visitor)).toBeHidden();

  await visitor.say("And another");
  api.break("poll", { status: 410, code: "session_closed" });
  await expect(visitor.panel).toContainText("This chat has ended");
  expect(await saved(visitor)).toBe(api.transcript);
});

const past = (visitor: Visitor): Locator => visitor.panel.getByRole("group", { name: "Your last conversation" });

test("after a reload, too, until the next conversation begins", async ({ visitor, api }) => {
  await visitor.beginConversation("Hello");
  await expect(past(visitor)).toBeHidden();
  await visitor.endChat();
  await expect(visitor.panel).toContainText("This chat has ended");
  await expect(past(visitor), "it is on the screen").toBeHidden();
  await visitor.reload();
  await visitor.openChat();
  await expect(past(visitor)).toBeVisible();
  await expect(visitor.composer, "one can begin another").toBeFocused();
  expect(await saved(visitor)).toBe(api.transcript);
  const { request } = api.requests.find(({ operation }) => operation === "transcript") ?? {};
  expect(request?.headers()["authorization"]).toBe(`Bearer ${api.token}`);

  await visitor.say("And another");
  await expect(past(visitor)).toBeHidden();
  expect(Object.keys(await visitor.sessionStorage())).not.toContain(PAST_KEY);
});

test("and no longer than a day", async ({ visitor }) => {
  await visitor.beginConversation("Hello");
  await visitor.endChat();
  await expect(visitor.panel).toContainText("This chat has ended");
  await expect.poll(async () => Object.keys(await visitor.sessionStorage())).toEqual([PAST_KEY]);
  // As if it had passed.
  await visitor.page.evaluate((key) => {
    const it = JSON.parse(sessionStorage[key]);
    sessionStorage[key] = JSON.stringify({ ...it, at: it.at - 86_400_000 });
  }, PAST_KEY);
  await visitor.reload();
  await visitor.openChat();
  await expect(visitor.panel.locator(".hours")).toBeVisible();
  await expect(past(visitor)).toBeHidden();
  await expect.poll(async () => Object.keys(await visitor.sessionStorage())).toEqual([]);
});

test("whoever begins another on the same page is done with the last", async ({ visitor }) => {
  await visitor.beginConversation("Hello");
  await visitor.endChat();
  await visitor.panel.getByRole("button", { name: "Start a new chat" }).click();
  await expect(saveButton(visitor)).toBeHidden();
  await expect.poll(async () => Object.keys(await visitor.sessionStorage())).toEqual([]);
});

for (const [what, fault] of [
  ["cannot be reached", "unreachable"],
  ["has forgotten it", { status: 404, code: "session_not_found" }],
  ["is a portal", { status: 200, html: "<h1>Log in</h1>" }],
] as const) {
  test(`where the server ${what}, the visitor is told`, async ({ visitor, api }) => {
    await visitor.beginConversation("Hello");
    api.break("transcript", fault);
    await saveButton(visitor).click();
    await expect(visitor.alert).toHaveText("The conversation could not be saved. Please try again.");
    api.mend();
    await saved(visitor);
    await expect(visitor.alert).toBeHidden();
  });
}

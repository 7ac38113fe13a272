import type { Locator, Page } from "@playwright/test";

import { LoopbackApi } from "../support/loopback-api.ts";
import { LoopbackSite } from "../support/loopback-site.ts";
import { expect, test as base } from "./loopback-fixtures.ts";

const test = base.extend<{ other: LoopbackApi }>({
  other: async ({}, use) => {
    const other = await LoopbackApi.start("other");
    await use(other);
    await other.close();
  },
  site: async ({ api, other }, use) => {
    const site = await LoopbackSite.start(api.origin, `${other.origin}/`);
    await use(site);
    await site.close();
  },
});

/** One of the page's chats. */
class Chat {
  readonly #element: Locator;
  readonly launcher: Locator;
  readonly log: Locator;
  readonly composer: Locator;

  constructor(page: Page, index: number) {
    this.#element = page.locator("matrix-support-chat").nth(index);
    this.launcher = this.#element.getByRole("button", { name: "Chat with us" });
    this.log = this.#element.getByRole("log");
    this.composer = this.#element.getByRole("textbox", { name: "Message" });
  }

  /** By script, because the launchers of both are in the same place. */
  async open(): Promise<void> {
    await this.#element.evaluate((it) => it.setAttribute("open", ""));
    await expect(this.composer).toBeVisible();
  }

  async close(): Promise<void> {
    await this.#element.evaluate((it) => it.removeAttribute("open"));
    await expect(this.composer).toBeHidden();
  }

  async write(text: string): Promise<void> {
    await this.composer.fill(text);
    await this.composer.press("Enter");
  }
}

test("two APIs on one page have a conversation each, and hear nothing of the other's", async ({
  visitor: { page },
  api,
  other,
}) => {
  await page.goto("/");
  const chats = [new Chat(page, 0), new Chat(page, 1)] as const;
  for (const [index, chat] of chats.entries()) {
    await chat.open();
    await chat.write(`To number ${index}`);
    await expect(chat.log).toContainText(`To number ${index}`);
    await chat.composer.fill(`Draft ${index}`);
    await chat.close();
  }
  await page.reload();
  for (const [index, chat] of chats.entries()) {
    await chat.open();
    await expect(chat.log).toContainText(`To number ${index}`);
    await expect(chat.log).not.toContainText(`To number ${1 - index}`);
    await expect(chat.composer).toHaveValue(`Draft ${index}`);
    await chat.close();
  }
  expect([...api.tokens]).toEqual(["api-token-1"]);
  expect([...other.tokens]).toEqual(["other-token-1"]);
  expect(api.sessions).toHaveLength(1);
  expect(other.sessions).toHaveLength(1);
});

test("the second API's unsent message is sent by the next page", async ({
  visitor: { page },
  api,
  other,
}) => {
  await page.goto("/");
  const [first, second] = [new Chat(page, 0), new Chat(page, 1)];
  await first.open();
  await first.composer.fill("A draft of the first");
  await first.close();
  await second.open();
  const recover = other.lose();
  const asked = page.waitForRequest((request) => request.method() === "POST");
  await second.write("Cut off");
  await asked;
  // The same holds if the first chat has nothing stored any more.
  await second.close();
  await first.open();
  await first.composer.fill("");
  recover();
  await page.reload();
  await other.takes("Cut off");
  expect(api.asked.size).toBe(0);
});

test("another API at the same element is another conversation", async ({
  visitor: { page },
  api,
  other,
}) => {
  await page.goto("/");
  const chat = new Chat(page, 0);
  await chat.open();
  await chat.write("To the one");
  await expect(chat.log).toContainText("To the one");
  const element = page.locator("matrix-support-chat").first();
  await element.evaluate((it, url) => it.setAttribute("api-url", url), other.origin);
  await chat.write("To the other");
  await expect(chat.log).toContainText("To the other");
  await expect(chat.log).not.toContainText("To the one");
  await element.evaluate((it, url) => it.setAttribute("api-url", `${url}/`), api.origin);
  await expect(chat.log).toContainText("To the one");
  expect([...api.tokens]).toEqual(["api-token-1"]);
  expect(other.tokens.has("api-token-1")).toBe(false);
});

test("a session that a release before stored without its API is taken on", async ({
  visitor,
  api,
}) => {
  const { page } = visitor;
  await page.goto("/");
  const chat = new Chat(page, 0);
  await chat.open();
  await chat.write("Before the upgrade");
  await expect(chat.log).toContainText("Delivered");
  // As in a tab that was open during an upgrade of the site.
  await page.evaluate(() => {
    const { api: _, ...session } = JSON.parse(sessionStorage["matrix-support-chat"]);
    sessionStorage["matrix-support-chat"] = JSON.stringify(session);
  });
  await page.reload();
  await chat.open();
  await expect(chat.log).toContainText("Before the upgrade");
  expect(api.sessions).toHaveLength(1);
});

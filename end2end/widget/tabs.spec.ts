import type { BrowserContext } from "@playwright/test";

import { STORAGE_KEY, Visitor } from "../support/visitor.ts";
import { expect, test } from "./loopback-fixtures.ts";

/** More tabs than a browser opens connections to one server over HTTP/1.1. */
const TABS = 8;

async function openTab(context: BrowserContext, origin: string): Promise<Visitor> {
  const tab = await Visitor.at(await context.newPage());
  await tab.visit(origin);
  return tab;
}

test("tabs of one site share a conversation, and one of them waits for all", async ({
  visitor,
  api,
  site,
  context,
}) => {
  test.setTimeout(120_000);
  api.waitSeconds = 25;
  await visitor.beginConversation("Hello");
  const session = await visitor.storedSession();

  // Until the panel is opened, a tab does not look for a conversation.
  const tabs = [visitor];
  while (tabs.length < TABS) {
    const tab = await openTab(context, site.origin);
    expect(await tab.sessionStorage()).toEqual({});
    await tab.openChat();
    await tab.reads("Hello");
    expect(await tab.storedSession()).toEqual(session);
    tabs.push(tab);
  }
  await expect.poll(() => api.waiting).toBe(1);

  // All tabs receive a reply.
  api.reply(api.sessions[0] ?? "", "Hi, all of you!");
  for (const tab of tabs) await tab.reads("Hi, all of you!");
  await expect.poll(() => api.waiting).toBe(1);

  // A connection is left for the visitor's message, and all tabs receive that as well.
  const last = tabs[TABS - 1] as Visitor;
  await last.say("Thanks");
  for (const tab of tabs) await tab.reads("Thanks");
  expect(api.sessions).toHaveLength(1);
  expect(api.times("Thanks")).toBe(1);

  // When the polling tab is closed, another one polls.
  for (const tab of tabs.slice(0, 4)) await tab.page.close();
  await expect.poll(() => api.waiting).toBe(1);
  api.reply(api.sessions[0] ?? "", "Still here?");
  for (const tab of tabs.slice(4)) await tab.reads("Still here?");
});

test("what one tab has shown is unread in none", async ({ visitor, api, site, context }) => {
  api.waitSeconds = 25;
  await visitor.beginConversation("Hello");
  const other = await openTab(context, site.origin);
  await other.openChat();
  await other.reads("Hello");
  await visitor.closePanel();
  await other.closePanel();
  api.reply(api.sessions[0] ?? "", "Hi!");
  await expect(visitor.badge).toHaveText("1");
  await expect(other.badge).toHaveText("1");
  await visitor.openChat();
  await expect(other.badge).toBeHidden();
});

test("a tab whose visitor has begun to write keeps its own conversation", async ({
  visitor,
  api,
  site,
  context,
}) => {
  await visitor.visit();
  const other = await openTab(context, site.origin);
  await visitor.openChat();
  await other.openChat();
  await visitor.say("In the first");
  await other.say("In the second");
  expect(api.sessions).toHaveLength(2);
  expect((await other.sessionStorage())[STORAGE_KEY]).not.toBe((await visitor.sessionStorage())[STORAGE_KEY]);
});

test("after the end, a tab joins the next conversation that another has begun", async ({ visitor, api, site, context }) => {
  api.waitSeconds = 25;
  await visitor.beginConversation("Hello");
  const [second, third] = [await openTab(context, site.origin), await openTab(context, site.origin)];
  for (const tab of [second, third]) {
    await tab.openChat();
    await tab.reads("Hello");
  }
  // This tab does not know of the end, and is still asked for its conversation.
  await third.closePanel();
  await third.page.evaluate(() => dispatchEvent(new Event("offline")));

  api.end(api.sessions[0] ?? "");
  for (const tab of [visitor, second]) await expect(tab.panel).toContainText("This chat has ended");
  await restart(visitor);
  await expect(visitor.composer).toBeVisible();
  await visitor.say("Hello again");
  await restart(second);
  await second.reads("Hello again");
  expect(await second.storedSession()).toEqual(await visitor.storedSession());
  await second.say("From here, too");
  await visitor.reads("From here, too");
  expect(api.sessions).toHaveLength(2);
});

test("a tab that has ended a conversation does not get it back from another", async ({ visitor, api, site, context }) => {
  api.waitSeconds = 25;
  await visitor.beginConversation("Hello");
  const other = await openTab(context, site.origin);
  await other.openChat();
  await other.reads("Hello");
  await other.page.evaluate(() => dispatchEvent(new Event("offline")));
  // Firefox does not move the focus in a background tab.
  await visitor.page.bringToFront();
  await visitor.endChat();
  await restart(visitor);
  await expect(visitor.composer).toBeVisible();
  await visitor.say("Something else");
  expect(api.sessions).toHaveLength(2);
});

async function restart(tab: Visitor): Promise<void> {
  await tab.panel.getByRole("button", { name: "Start a new chat" }).click();
}

test("where the browser has no locks, every tab hears for itself", async ({ visitor, api, context, site }) => {
  api.waitSeconds = 25;
  await context.addInitScript(() => Object.defineProperty(navigator, "locks", { value: undefined }));
  await visitor.beginConversation("Hello");
  const other = await openTab(context, site.origin);
  await other.openChat();
  await other.reads("Hello");
  await expect.poll(() => api.waiting).toBeGreaterThan(0);
  api.reply(api.sessions[0] ?? "", "Hi!");
  await visitor.reads("Hi!");
  await other.reads("Hi!");
});

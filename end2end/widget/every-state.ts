import { recreate } from "../support/recreate.ts";
import type { ScriptedApi } from "../support/scripted-api.ts";
import type { Visitor } from "../support/visitor.ts";
import { expect } from "./fixtures.ts";

/** Every state of the widget, and how to reach it. */
export const STATES: Record<string, (visitor: Visitor, api: ScriptedApi) => Promise<void>> = {
  closed: async (visitor) => visitor.visit(),
  empty: async (visitor) => {
    await visitor.visit();
    await visitor.openChat();
  },
  "told before the first message": async (visitor) => {
    await visitor.visit();
    await visitor.page.evaluate(() =>
      document.querySelector("matrix-support-chat")?.setAttribute("consent", "Please read our [privacy notice](/privacy)."),
    );
    await visitor.openChat();
    await expect(visitor.panel.getByRole("link", { name: "privacy notice" })).toBeVisible();
  },
  sending: async (visitor, api) => {
    await visitor.visit();
    await visitor.openChat();
    api.hold("create");
    await visitor.write("Hello");
    await visitor.send();
    await visitor.reads("Sending…");
  },
  conversation: async (visitor, api) => {
    await visitor.beginConversation("Hello");
    const reply = api.reply("Hi! How can we help?");
    api.change(api.reply("Never mind"));
    await visitor.reads("This message was removed.");
    api.change(reply, "Hello! How can we help?");
    await visitor.reads("Edited");
    await visitor.write("A draft");
  },
  unread: async (visitor, api) => {
    await visitor.beginConversation("Hello");
    await visitor.closePanel();
    api.reply("Are you there?");
    await expect(visitor.badge).toHaveText("1");
  },
  failure: async (visitor, api) => {
    await visitor.beginConversation("Hello");
    api.break("send", "unreachable");
    await visitor.write("Lost");
    await visitor.send();
    await expect(visitor.retryButton).toBeEnabled();
  },
  undelivered: async (visitor, api) => {
    api.delivery = "failed";
    await visitor.beginConversation("Hello");
    await visitor.reads("Not delivered");
  },
  "rate limit": async (visitor, api) => {
    await visitor.beginConversation("Hello");
    api.break("send", { status: 429, code: "rate_limited", retryAfter: 3_000 });
    await visitor.write("Too much");
    await visitor.send();
    await expect(visitor.alert).toBeVisible();
  },
  offline: async (visitor) => {
    await visitor.beginConversation("Hello");
    await visitor.page.context().setOffline(true);
    await expect(visitor.alert).toBeVisible();
  },
  "too long": async (visitor) => {
    await visitor.visit();
    await visitor.openChat();
    await visitor.write("long ".repeat(900));
    await expect(visitor.panel).toContainText("too long");
  },
  "end asked": async (visitor) => {
    await visitor.beginConversation("Hello, see https://example.com/");
    await visitor.endButton.click();
    await expect(visitor.stayButton).toBeFocused();
  },
  ended: async (visitor) => {
    await visitor.beginConversation("Hello");
    await visitor.endChat();
    await expect(visitor.panel).toContainText("This chat has ended");
  },
  "nobody there": async (visitor, api) => {
    api.availability = { open: false };
    await visitor.visit();
    await visitor.page.evaluate(() =>
      Object.assign(document.querySelector("matrix-support-chat") ?? {}, { suggestions: ["How much is it?", "Who are you?"] }),
    );
    await visitor.openChat();
    await expect(visitor.panel).toContainText("Nobody is here");
    await expect(visitor.panel.getByRole("group", { name: "Suggested questions" })).toBeVisible();
  },
  "asked for an address": async (visitor, api) => {
    api.availability = { open: false, mail: true };
    await visitor.beginConversation("Hello");
    await visitor.panel.getByRole("button", { name: "Save", exact: true }).click();
    await expect(visitor.panel).toContainText("This is not an e-mail address.");
  },
  "an address is saved": async (visitor, api) => {
    api.availability = { open: false, mail: true };
    await visitor.beginConversation("Hello");
    await visitor.panel.getByRole("textbox", { name: "Where may we answer" }).fill("ada@host.example");
    await visitor.panel.getByRole("button", { name: "Save", exact: true }).click();
    await expect(visitor.panel).toContainText("If you leave, we answer to");
  },
  "not saved": async (visitor, api) => {
    await visitor.beginConversation("Hello");
    api.break("transcript", "unreachable");
    await visitor.panel.getByRole("button", { name: "Save this conversation" }).click();
    await expect(visitor.panel).toContainText("could not be saved");
  },
  rated: async (visitor, api) => {
    api.availability = { open: true, rating: true };
    await visitor.beginConversation("Hello");
    await visitor.endChat();
    await visitor.panel.getByRole("button", { name: "Not good" }).click();
    await expect(visitor.panel).toContainText("Thank you!");
  },
  "asked before it is deleted": async (visitor) => {
    await visitor.beginConversation("Hello");
    await visitor.endChat();
    await visitor.panel.getByRole("button", { name: "Delete this conversation" }).click();
    await expect(visitor.panel.getByRole("button", { name: "Keep it" })).toBeFocused();
  },
  "an earlier conversation": async (visitor, api) => {
    api.availability = { open: true, rating: true };
    await visitor.beginConversation("Hello");
    await visitor.endChat();
    await expect(visitor.panel.getByRole("button", { name: "Good", exact: true })).toBeVisible();
    await visitor.reload();
    await visitor.openChat();
    await expect(visitor.panel.getByRole("button", { name: "Good", exact: true })).toBeVisible();
  },
  "a link that was used": async (visitor) => {
    // The element is created while the address contains the code.
    await visitor.visit("/#support-chat=used");
    await recreate(visitor.page, "resume", "");
    await expect(visitor.panel).toContainText("This link was used before");
  },
  greeting: async (visitor) => {
    await visitor.visit();
    await recreate(visitor.page, "greet-after", "0");
    await expect(visitor.page.locator("matrix-support-chat .greeting button").first()).toBeVisible();
  },
};

import type { Page } from "@playwright/test";

import { expect, test } from "./fixtures.ts";

declare global {
  interface Window {
    /** The pitch of each note. */
    notes: number[];
  }
}

/** Records the notes that the browser plays. (A test machine has no audio device.) */
async function listen(page: Page): Promise<void> {
  await page.addInitScript(() => {
    window.notes = [];
    const start = OscillatorNode.prototype.start;
    OscillatorNode.prototype.start = function (this: OscillatorNode, ...when) {
      window.notes.push(this.frequency.value);
      start.apply(this, when);
    };
  });
}

const notes = (page: Page): Promise<number> => page.evaluate(() => window.notes.length);

test("replies have a sound once the visitor has switched it on, and on the next page too", async ({
  visitor,
  api,
}) => {
  const { page } = visitor;
  const chunks: string[] = [];
  page.on("request", (request) => {
    if (request.url().includes("/sound-")) chunks.push(request.url());
  });
  await listen(page);
  await visitor.beginConversation("Hello");
  const sound = visitor.panel.getByRole("button", { name: "Reply sound" });
  await expect(sound).toHaveAttribute("aria-pressed", "false");
  api.reply("Quietly");
  await visitor.reads("Quietly");
  expect(chunks).toEqual([]);

  // Switching the sound on plays it once.
  await sound.click();
  await expect(sound).toHaveAttribute("aria-pressed", "true");
  await expect.poll(() => notes(page)).toBe(2);
  // A reply at the same moment would not have a sound of its own.
  const isSounding = () =>
    page.evaluate(async () => {
      const { held = [] } = await navigator.locks.query();
      return held.some(({ name }) => name?.endsWith(" sound"));
    });
  await expect.poll(isSounding).toBe(false);
  api.reply("Aloud");
  await visitor.reads("Aloud");
  await expect.poll(() => notes(page)).toBe(4);

  await visitor.reload();
  await visitor.openChat();
  await visitor.reads("Aloud");
  await expect(sound).toHaveAttribute("aria-pressed", "true");
  // What was read before the reload is not news.
  expect(await notes(page)).toBe(0);
  api.reply("Aloud again");
  await visitor.reads("Aloud again");
  await expect.poll(() => notes(page)).toBe(2);

  await sound.click();
  await expect(sound).toHaveAttribute("aria-pressed", "false");
  api.reply("Quietly again");
  await visitor.reads("Quietly again");
  expect(await notes(page)).toBe(2);
});

test("where the sound's chunk does not come, replies are read without", async ({ visitor, api, host }) => {
  host.is({ lang: "en", refuses: /sound-/ });
  await visitor.beginConversation("Hello");
  await visitor.panel.getByRole("button", { name: "Reply sound" }).click();
  api.reply("All the same");
  await visitor.reads("All the same");
  visitor.complaints.length = 0; // Of the chunk.
});

test("there is nothing to switch before there is a conversation", async ({ visitor }) => {
  await visitor.visit();
  await visitor.openChat();
  await expect(visitor.panel.locator(".sound")).toBeHidden();
});

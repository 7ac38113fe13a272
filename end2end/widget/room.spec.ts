import type { Locator } from "@playwright/test";

import { expect, test } from "./fixtures.ts";

const box = async (it: Locator): Promise<{ x: number; y: number; width: number; height: number }> => {
  const found = await it.boundingBox();
  if (!found) throw new Error("it is not on the screen");
  return found;
};

for (const [width, height] of [
  [640, 400],
  [740, 360],
  [360, 380],
  [320, 256],
] as const) {
  test(`on a screen of ${width} × ${height}, one can write, leave, end and begin again`, async ({ visitor, api }) => {
    const { page, panel } = visitor;
    api.availability = { open: true, rating: true };
    await page.setViewportSize({ width, height });
    await visitor.visit();
    await visitor.openChat();
    await expect(panel.locator(".hours")).not.toBeEmpty();
    const stay = async (): Promise<void> => {
      for (const it of [visitor.closeButton, visitor.composer, visitor.sendButton]) {
        await expect(it).toBeInViewport({ ratio: 1 });
      }
    };
    await stay();
    await visitor.write("One line\n".repeat(20));
    await stay();
    await visitor.say("Hello");
    await stay();
    api.break("send", "unreachable");
    await visitor.write("More");
    await visitor.send();
    await expect(visitor.alert).toBeVisible();
    await stay();
    await visitor.retryButton.scrollIntoViewIfNeeded();
    await expect(visitor.retryButton).toBeInViewport({ ratio: 1 });
    await stay();

    await visitor.endButton.click();
    await expect(visitor.stayButton).toBeInViewport({ ratio: 0.9 });
    await expect(visitor.endButton).toBeInViewport({ ratio: 0.9 });
    await stay();
    await visitor.endButton.click();
    await expect(panel).toContainText("This chat has ended");
    for (const name of ["Save this conversation", "Start a new chat"]) {
      const button = panel.getByRole("button", { name });
      await button.scrollIntoViewIfNeeded();
      await expect(button).toBeInViewport({ ratio: 1 });
      await expect(visitor.closeButton).toBeInViewport({ ratio: 1 });
    }
  });
}

for (const [lang, width] of [
  ["en", 280],
  ["en", 1280],
  ["de", 280],
  ["de", 360],
  ["de", 1280],
] as const) {
  test(`the header has a line for the name, and nothing lies on it: ${lang}, ${width}`, async ({ visitor, host, api }) => {
    const { page } = visitor;
    host.is({ lang });
    await page.setViewportSize({ width, height: 700 });
    await visitor.visit();
    await page.locator("matrix-support-chat [part=launcher]").click();
    const panel = page.locator("matrix-support-chat .panel");
    await panel.getByRole("textbox").fill("Hello");
    await panel.getByRole("textbox").press("Enter");
    await expect.poll(() => api.count("create")).toBe(1);
    await expect(panel.locator(".save")).toBeVisible();
    const [name, names, end, close] = await Promise.all(
      [".names strong", ".names", ".end", ".close"].map((it) => box(panel.locator(it))),
    );
    expect(name?.height).toBeLessThan(30);
    expect(names?.height, "the line below it is one, or none").toBeLessThan(50);
    expect((names?.x ?? NaN) + (names?.width ?? NaN)).toBeLessThanOrEqual((end?.x ?? NaN) + 0.5);
    expect((close?.x ?? NaN) + (close?.width ?? NaN)).toBeLessThanOrEqual(width);
    if (width === 360) {
      const isCut = await panel.locator(".names strong").evaluate((it) => it.scrollWidth > it.clientWidth);
      expect(isCut, "all of the name is there").toBe(false);
    }

    api.break("send", "unreachable");
    await panel.getByRole("textbox").fill("More");
    await panel.getByRole("textbox").press("Enter");
    const [words, retry] = [panel.locator(".notice p"), panel.locator(".notice button")];
    await expect(retry).toBeVisible();
    const [text, button] = await Promise.all([words, retry].map(box));
    const isBelow = (button?.y ?? NaN) >= (text?.y ?? NaN) + (text?.height ?? NaN);
    expect(isBelow, "the button has a line of its own where the text would be a column").toBe(lang === "de" || width < 300);
  });
}

test("the question before the end has one answer that looks like an end, and no older trouble beside it", async ({
  visitor,
  api,
}) => {
  await visitor.beginConversation("Hello");
  api.break("send", "unreachable");
  await visitor.write("More");
  await visitor.send();
  await expect(visitor.alert).toBeVisible();
  await visitor.endButton.click();
  await expect(visitor.alert).toBeHidden();
  const color = (it: Locator): Promise<string> => it.evaluate((node) => getComputedStyle(node).color);
  expect(await color(visitor.endButton)).not.toBe(await color(visitor.stayButton));
  await visitor.stayButton.click();
  await expect(visitor.alert).toBeVisible();
});

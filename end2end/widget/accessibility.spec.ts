import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

import type { Locator, Page } from "@playwright/test";
import type { AxeResults } from "axe-core";

import { animationsEnd } from "../support/animations.ts";
import { STATES } from "./every-state.ts";
import { expect, test } from "./fixtures.ts";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

/** Evaluates code without loosening the page's policy. In Chromium this needs an isolated world. */
async function evaluator(page: Page): Promise<(expression: string) => Promise<unknown>> {
  if (page.context().browser()?.browserType().name() !== "chromium") {
    return (expression) => page.evaluate(expression);
  }
  const session = await page.context().newCDPSession(page);
  const { frameTree } = await session.send("Page.getFrameTree");
  const { executionContextId } = await session.send("Page.createIsolatedWorld", {
    frameId: frameTree.frame.id,
    worldName: "axe",
  });
  return async (expression) => {
    const { result, exceptionDetails } = await session.send("Runtime.evaluate", {
      expression,
      contextId: executionContextId,
      awaitPromise: true,
      returnByValue: true,
    });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description);
    return result.value;
  };
}

async function violations(page: Page): Promise<string[]> {
  await page.evaluate(animationsEnd);
  const evaluate = await evaluator(page);
  await evaluate(`${await readFile(AXE, "utf8")}; undefined`);
  const results = (await evaluate(
    `axe.run(document, { resultTypes: ["violations"], rules: { region: { enabled: false } } })`,
  )) as AxeResults;
  expect(results.passes.length, "axe has looked at something").toBeGreaterThan(0);
  return results.violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id}: ${target.join(" ")}: ${failureSummary}`),
  );
}

for (const [state, reach] of Object.entries(STATES)) {
  test(`axe finds nothing wrong: ${state}`, async ({ visitor, api }) => {
    const { page } = visitor;
    await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
    await reach(visitor, api);
    expect(await violations(page), "light").toEqual([]);
    await page.emulateMedia({ colorScheme: "dark" });
    expect(await violations(page), "dark").toEqual([]);
  });
}

test("axe finds nothing wrong: the chat could not be loaded", async ({ visitor, host }) => {
  const { page } = visitor;
  // The page gives its link no colour of its own.
  host.is({ lang: "en", content: '<a href="mailto:help@host.example">Write an e-mail</a>' });
  await page.emulateMedia({ colorScheme: "light" });
  await page.route("**/widget/chunks/**", (route) => route.abort());
  await visitor.visit();
  await visitor.launcher.click();
  await expect(page.getByRole("link", { name: "Write an e-mail" })).toBeVisible();
  expect(await violations(page), "light").toEqual([]);
  await page.emulateMedia({ colorScheme: "dark" });
  expect(await violations(page), "dark").toEqual([]);
});

test("axe would find something wrong", async ({ visitor, host }) => {
  host.is({ rest: '<img src="data:,">' });
  await visitor.visit();
  expect((await violations(visitor.page)).join()).toContain("image-alt");
  visitor.complaints.length = 0; // The page's policy does not allow the picture either.
});

test("every target is large enough to hit", async ({ visitor, api }) => {
  for (const reach of [STATES["failure"], STATES["ended"]]) {
    await reach?.(visitor, api);
    const buttons = await visitor.page.getByRole("button").all();
    expect(buttons.length).toBeGreaterThan(2);
    for (const button of buttons) {
      const box = await button.boundingBox();
      expect(box?.width, String(button)).toBeGreaterThanOrEqual(24);
      expect(box?.height, String(button)).toBeGreaterThanOrEqual(24);
    }
    api.mend();
    await visitor.page.evaluate(() => sessionStorage.clear());
  }
});

test("the focus goes in, around, and back", async ({ visitor, host }) => {
  host.is({ lang: "en", rest: '<a href="#top">A link</a>' });
  const { page } = visitor;
  await visitor.visit();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await expect(visitor.launcher).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(visitor.composer).toBeFocused();

  await page.keyboard.press("Escape");
  await expect(visitor.panel).toBeHidden();
  await expect(visitor.launcher).toBeFocused();

  await page.keyboard.press("Space");
  await expect(visitor.composer).toBeFocused();
  await page.keyboard.press("Shift+Tab");
  await expect(visitor.transcript).toBeFocused();
  await page.keyboard.press("Shift+Tab");
  await expect(visitor.closeButton).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(visitor.launcher).toBeFocused();
});

test("all of a conversation goes by keyboard", async ({ visitor, api }) => {
  const { page } = visitor;
  await visitor.visit();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await expect(visitor.composer).toBeFocused();
  await page.keyboard.type("Hello");
  await page.keyboard.press("Enter");
  await visitor.reads("Hello");
  await expect(visitor.composer).toBeFocused();

  api.break("send", "unreachable");
  await page.keyboard.type("Again");
  await page.keyboard.press("Enter");
  await expect(visitor.retryButton).toBeVisible();
  api.mend();
  await page.keyboard.press("Shift+Tab");
  await expect(visitor.retryButton).toBeFocused();
  await page.keyboard.press("Enter");
  await visitor.reads("Again");
  await expect(visitor.composer).toBeFocused();

  for (let n = 0; n < 5; n += 1) await page.keyboard.press("Shift+Tab");
  await expect(visitor.endButton).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(visitor.stayButton).toBeFocused();
  await page.keyboard.press("Tab");
  await expect(visitor.endButton).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(visitor.panel).toContainText("This chat has ended");
  await expect(visitor.panel.getByRole("button", { name: "Start a new chat" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(visitor.composer).toBeFocused();
});

test("a sheet that covers the page is modal: the focus stays in it, and the page behind it where it is", async ({
  visitor,
  host,
}) => {
  host.is({ lang: "en", rest: `<a href="#top">A link</a>${"<p>More</p>".repeat(80)}` });
  const { page } = visitor;
  await page.setViewportSize({ width: 360, height: 640 });
  await visitor.visit();
  await visitor.openChat();
  await expect(visitor.panel).toHaveAttribute("aria-modal", "true");
  await expect(visitor.composer).toBeFocused();
  const link = page.locator("main a");
  await link.evaluate((it) => it.focus());
  await expect(visitor.composer).toBeFocused();
  for (let n = 0; n < 12; n += 1) {
    await page.keyboard.press("Tab");
    await expect(link).not.toBeFocused();
  }
  await visitor.composer.focus();
  await page.mouse.move(180, 80);
  await page.mouse.wheel(0, 400);
  await page.keyboard.press("PageDown");
  expect(await page.evaluate(() => scrollY)).toBe(0);

  // Once the phone is turned to landscape, there is room beside the panel, so it no longer covers
  // the page.
  await page.setViewportSize({ width: 1280, height: 800 });
  await expect(visitor.panel).toHaveAttribute("aria-modal", "false");
  await expect(visitor.composer).toBeFocused();
  await link.evaluate((it) => it.focus());
  await expect(link).toBeFocused();
  await expect(visitor.panel).toBeVisible();
  await page.setViewportSize({ width: 360, height: 640 });
  await expect(visitor.panel).toHaveAttribute("aria-modal", "true");

  await visitor.composer.press("Escape");
  await expect(visitor.panel).toBeHidden();
  await expect(visitor.launcher).toBeFocused();
  await page.mouse.wheel(0, 400);
  await expect.poll(() => page.evaluate(() => scrollY)).toBeGreaterThan(0);
});

test("ending asks once, and Escape and the other answer take it back", async ({ visitor, api }) => {
  const { page } = visitor;
  await visitor.beginConversation("Hello");
  await visitor.endButton.click();
  await expect(visitor.panel.getByRole("group", { name: "End this chat?" })).toBeVisible();
  await expect(visitor.endButton).toHaveCount(1);
  await expect(visitor.stayButton).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(visitor.stayButton).toBeHidden();
  await expect(visitor.endButton).toBeFocused();
  await page.keyboard.press("Enter");
  await visitor.stayButton.click();
  await expect(visitor.endButton).toBeFocused();
  // A double click does not confirm the end.
  await visitor.endButton.dblclick();
  await expect(visitor.stayButton).toBeVisible();
  expect(api.count("close")).toBe(0);
  await visitor.endButton.click();
  await expect(visitor.panel).toContainText("This chat has ended");
  expect(api.count("close")).toBe(1);
});

test("a reply is announced once, and what was there before not at all", async ({
  visitor,
  api,
}) => {
  await visitor.beginConversation("Hello");
  await expect(visitor.transcript).toHaveAttribute("aria-live", "polite");
  await expect(visitor.transcript).toHaveAttribute("aria-relevant", "additions");
  await visitor.transcript.evaluate((log) => {
    const added: string[] = [];
    Object.assign(window, { added });
    new MutationObserver((changes) => {
      for (const { addedNodes } of changes) {
        for (const node of addedNodes) if (node instanceof Element) added.push(node.className);
      }
    }).observe(log, { childList: true });
  });
  api.reply("Hi!");
  await visitor.reads("Hi!");
  api.reply("Bye!");
  await visitor.reads("Bye!");
  const added = await visitor.page.evaluate(() => (window as unknown as { added: string[] }).added);
  expect(added).toHaveLength(2);

  const answer = api.hold("poll");
  await visitor.reload();
  await visitor.openChat();
  await expect(visitor.transcript).toHaveAttribute("aria-live", "off");
  answer();
  await visitor.reads("Bye!");
  await expect(visitor.transcript).toHaveAttribute("aria-live", "polite");
});

test("at 200 % and 400 % zoom everything is there and can be reached", async ({
  visitor,
  api,
}) => {
  // The size of the viewport of a browser with a window of 1280 by 800 pixels.
  for (const [width, height] of [
    [640, 400],
    [320, 200],
  ] as const) {
    await visitor.page.setViewportSize({ width, height });
    await STATES["failure"]?.(visitor, api);
    for (const part of [
      visitor.composer,
      visitor.sendButton,
      visitor.retryButton,
      visitor.closeButton,
      visitor.endButton,
    ]) {
      await part.scrollIntoViewIfNeeded();
      await expect(part).toBeInViewport({ ratio: 1 });
    }
    const overflow = await visitor.page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    expect(overflow).toBe(0);
    api.mend();
    await visitor.page.evaluate(() => sessionStorage.clear());
  }
});

test("who wants no motion gets none", async ({ visitor }) => {
  const durations = (): Promise<string> =>
    visitor.panel.evaluate((panel) => getComputedStyle(panel).animationName);
  await visitor.visit();
  await visitor.openChat();
  expect(await durations()).not.toBe("none");
  await visitor.page.emulateMedia({ reducedMotion: "reduce" });
  expect(await durations()).toBe("none");
});

for (const colorScheme of ["light", "dark"] as const) {
  test(`in forced colours everything still has an outline, and every picture is seen: ${colorScheme}`, async ({
    visitor,
    api,
    context,
  }) => {
    const { page } = visitor;
    await page.emulateMedia({ forcedColors: "active", colorScheme });
    // A page without a Content-Security-Policy that decodes the pictures.
    const reader = await context.newPage();
    await page.bringToFront();
    const isSeen = async (part: Locator, what: string): Promise<void> => {
      await expect(part).not.toHaveCSS("border-top-width", "0px");
      // The widget in its normal state.
      await page.mouse.move(0, 0);
      await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
      const picture = async (): Promise<number> =>
        contrastWithin(reader, (await part.screenshot({ animations: "disabled" })).toString("base64"));
      await expect.poll(picture, { message: `${what}: the contrast of its picture` }).toBeGreaterThan(3);
    };
    await visitor.visit();
    await isSeen(visitor.launcher, "the launcher before the chat is loaded");
    await visitor.openChat();
    await isSeen(visitor.launcher, "the launcher of an open panel");
    await visitor.write("Hello");
    await isSeen(visitor.sendButton, "what sends");
    await visitor.write("");
    await expect(visitor.sendButton).toBeDisabled();
    await isSeen(visitor.sendButton, "what cannot send");
    await visitor.say("Hello");
    await isSeen(visitor.closeButton, "what closes");
    const sound = visitor.panel.locator(".sound");
    await isSeen(sound, "the sound that is off");
    await sound.click();
    await isSeen(sound, "the sound that is on");
    await visitor.closePanel();
    await isSeen(visitor.launcher, "the launcher of a closed panel");
    api.reply("Hi!");
    await expect(visitor.badge).toHaveText("1");
    await expect(visitor.badge).not.toHaveCSS("border-top-width", "0px");
    await visitor.openChat();
    api.break("send", "unreachable");
    await visitor.write("Lost");
    await visitor.send();
    await expect(visitor.retryButton).toBeEnabled();
    await expect(visitor.retryButton).not.toHaveCSS("border-top-width", "0px");
    await reader.close();
  });
}

/**
 * The contrast between the lightest and the darkest colour in the middle of a picture, without its
 * edges.
 */
async function contrastWithin(reader: Page, png: string): Promise<number> {
  return reader.evaluate(async (png) => {
    const image = new Image();
    image.src = `data:image/png;base64,${png}`;
    await image.decode();
    const canvas = new OffscreenCanvas(image.width, image.height);
    const context = canvas.getContext("2d");
    if (!context) throw new Error("no canvas");
    context.drawImage(image, 0, 0);
    const [width, height] = [image.width >> 1, image.height >> 1];
    const { data } = context.getImageData(width >> 1, height >> 1, width, height);
    const linear = (it: number): number => {
      const part = it / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    };
    const lights: number[] = [];
    for (let at = 0; at < data.length; at += 4) {
      const [red, green, blue] = [...data.slice(at, at + 3)].map(linear) as [number, number, number];
      lights.push(0.2126 * red + 0.7152 * green + 0.0722 * blue);
    }
    return (Math.max(...lights) + 0.05) / (Math.min(...lights) + 0.05);
  }, png);
}

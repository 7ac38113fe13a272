import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

import type { Page } from "@playwright/test";
import type { AxeResults } from "axe-core";

import type { ScriptedApi } from "../support/scripted-api.ts";
import type { Visitor } from "../support/visitor.ts";
import { expect, test } from "./fixtures.ts";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

/** Every state the widget can be in, and how to get there. */
const STATES: Record<string, (visitor: Visitor, api: ScriptedApi) => Promise<void>> = {
  closed: async (visitor) => visitor.visit(),
  empty: async (visitor) => {
    await visitor.visit();
    await visitor.openChat();
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
};

/** Evaluates where the page's policy is not loosened for it: in Chromium that is a world of its own. */
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

/** Waits until what fades in is there: colours seen through a fade have no contrast of their own. */
async function settled(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const roots = [document, document.querySelector("matrix-support-chat")?.shadowRoot];
    const running = roots.flatMap((root) => root?.getAnimations() ?? []);
    const ending = running.filter((it) => it.effect?.getComputedTiming().endTime !== Infinity);
    await Promise.allSettled(ending.map((it) => it.finished));
  });
}

async function violations(page: Page): Promise<string[]> {
  await settled(page);
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

test("axe finds nothing wrong: the chat could not be loaded", async ({ visitor }) => {
  await visitor.page.route("**/widget/chunks/**", (route) => route.abort());
  await visitor.visit();
  await visitor.launcher.click();
  await expect(visitor.page.getByRole("alert")).toBeVisible();
  expect(await violations(visitor.page)).toEqual([]);
});

test("axe would find something wrong", async ({ visitor, host }) => {
  host.is({ rest: '<img src="data:,">' });
  await visitor.visit();
  expect((await violations(visitor.page)).join()).toContain("image-alt");
  visitor.complaints.length = 0; // The picture was not allowed either.
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

  for (let n = 0; n < 3; n += 1) await page.keyboard.press("Shift+Tab");
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

  // Turned to where there is room beside it, it is no longer.
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
  // Twice in quick succession is not yes.
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
  // What a browser of 1280 by 800 pixels has left.
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

test("in forced colours everything still has an outline", async ({ visitor, api }) => {
  await visitor.page.emulateMedia({ forcedColors: "active" });
  await STATES["failure"]?.(visitor, api);
  for (const part of [visitor.sendButton, visitor.retryButton, visitor.closeButton]) {
    const width = await part.evaluate((it) => getComputedStyle(it).borderTopWidth);
    expect(width).not.toBe("0px");
  }
  const icon = await visitor.launcher.evaluate((it) => {
    const { borderTopColor } = getComputedStyle(it, "::before");
    return borderTopColor !== getComputedStyle(it).backgroundColor;
  });
  expect(icon, "the launcher's picture is seen").toBe(true);
});

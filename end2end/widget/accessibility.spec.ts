import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

import type { Locator, Page } from "@playwright/test";
import type { AxeResults } from "axe-core";

import { animationsEnd } from "../support/animations.ts";
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
    // As an element that is made while the address has the code.
    await visitor.visit("/#support-chat=used");
    await visitor.page.evaluate(() => {
      const chat = document.querySelector("matrix-support-chat") as HTMLElement & { enabled: boolean };
      chat.setAttribute("resume", "");
      chat.enabled = false;
      chat.enabled = true;
    });
    await expect(visitor.panel).toContainText("This link was used before");
  },
  greeting: async (visitor) => {
    await visitor.visit();
    await visitor.page.evaluate(() => {
      const chat = document.querySelector("matrix-support-chat") as HTMLElement & { enabled: boolean };
      chat.setAttribute("greet-after", "0");
      chat.enabled = false;
      chat.enabled = true;
    });
    await expect(visitor.page.locator("matrix-support-chat .greeting button").first()).toBeVisible();
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

for (const colorScheme of ["light", "dark"] as const) {
  test(`in forced colours everything still has an outline, and every picture is seen: ${colorScheme}`, async ({
    visitor,
    api,
    context,
  }) => {
    const { page } = visitor;
    await page.emulateMedia({ forcedColors: "active", colorScheme });
    // A page without a Content-Security-Policy, which reads the pictures.
    const reader = await context.newPage();
    await page.bringToFront();
    const isSeen = async (part: Locator, what: string): Promise<void> => {
      await expect(part).not.toHaveCSS("border-top-width", "0px");
      // As it looks by itself.
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

/** The contrast between the lightest and the darkest of what a picture shows in its middle, within any edge. */
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

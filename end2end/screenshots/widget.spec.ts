import type { Page } from "@playwright/test";

import { recreate } from "../support/recreate.ts";
import type { ScriptedApi } from "../support/scripted-api.ts";
import type { Visitor } from "../support/visitor.ts";
import { expect, type HostPage, test } from "../widget/fixtures.ts";
import { write } from "./save.ts";

/** The part of the screen in the picture: on a desktop, the corner that contains the widget. */
const SCREENS = {
  phone: { width: 390, height: 720, corner: { width: 390, height: 720 } },
  desktop: { width: 1280, height: 760, corner: { width: 440, height: 720 } },
};

const PAGE: HostPage = {
  lang: "en",
  title: "Real-world assets",
  rest: `<p>${"Issue, manage and service tokenized assets on a platform you own. ".repeat(4)}</p>`.repeat(6),
  content: '<a href="mailto:help@host.example">Write an e-mail</a>',
  stylesheet: `
    body { margin: 0 auto; padding: 24px; max-width: 84rem; font: 17px/1.6 system-ui, sans-serif; }
    h1 { font-size: 2rem; line-height: 1.2; }
    p { opacity: .7; }
  `,
};

type Scene = (visitor: Visitor, api: ScriptedApi) => Promise<void>;

const open: Scene = async (visitor) => {
  await visitor.visit();
  await visitor.openChat();
};

const converse: Scene = async (visitor, api) => {
  await visitor.beginConversation("Hello, I need help with tokenization infrastructure.");
  api.reply("Hi! Gladly.");
  api.reply("Which assets is it about, and by when?");
  await visitor.reads("by when?");
  await visitor.say("A commercial property in Lisbon. We would like to open in October.");
  await visitor.reads("Lisbon");
  await expect(visitor.transcript.getByText("Delivered")).toHaveCount(2);
};

const SCENES: Record<string, Scene> = {
  closed: async (visitor) => {
    await visitor.visit();
    await expect(visitor.launcher).toBeVisible();
  },
  unread: async (visitor, api) => {
    await converse(visitor, api);
    await visitor.closePanel();
    api.reply("October can be done.");
    api.reply("Shall I send you the list?");
    await expect(visitor.badge).toHaveText("2");
    await visitor.launcher.blur();
  },
  empty: open,
  consent: async (visitor) => {
    await visitor.visit();
    const consent = "By writing to us you agree to our [privacy notice](https://host.example/privacy).";
    await visitor.page.evaluate(
      (text) => document.querySelector("matrix-support-chat")?.setAttribute("consent", text),
      consent,
    );
    await visitor.openChat();
    await expect(visitor.panel.getByRole("link", { name: "privacy notice" })).toBeVisible();
  },
  sending: async (visitor, api) => {
    await open(visitor, api);
    api.hold("create");
    await visitor.write("Hello, I need help with tokenization infrastructure.");
    await visitor.send();
    await visitor.reads("Sending…");
  },
  conversation: async (visitor, api) => {
    await converse(visitor, api);
    api.reply(
      "October can be done if your counsel has settled the vehicle by June. Shall I send you the list of what we need?",
    );
    await visitor.reads("the list of what we need?");
    await visitor.panel.getByRole("button", { name: "Reply sound" }).click();
    await visitor.write("Yes, please");
  },
  changed: async (visitor, api) => {
    await converse(visitor, api);
    const edited = api.reply("October can be doen.");
    const removed = api.reply("Oh, and the fee is");
    await visitor.reads("the fee is");
    api.change(edited, "October can be done.");
    api.change(removed);
    await visitor.reads("This message was removed.");
  },
  failure: async (visitor, api) => {
    await converse(visitor, api);
    api.break("send", "unreachable");
    await visitor.write("Can we talk to someone about it?");
    await visitor.send();
    await expect(visitor.retryButton).toBeEnabled();
  },
  undelivered: async (visitor, api) => {
    api.delivery = "failed";
    await visitor.beginConversation("Hello, I need help with tokenization infrastructure.");
    await visitor.reads("Not delivered");
  },
  offline: async (visitor, api) => {
    await converse(visitor, api);
    await visitor.page.context().setOffline(true);
    await expect(visitor.alert).toBeVisible();
  },
  "rate-limit": async (visitor, api) => {
    await converse(visitor, api);
    api.break("send", { status: 429, code: "rate_limited", retryAfter: 45 });
    await visitor.write("Hello? Hello?");
    await visitor.send();
    await expect(visitor.panel).toContainText("Try again in");
  },
  "too-long": async (visitor, api) => {
    await converse(visitor, api);
    await visitor.write("This is a long story, and it goes on and on. ".repeat(90));
    await expect(visitor.panel).toContainText("too long");
  },
  challenge: async (visitor, api) => {
    await open(visitor, api);
    api.break("create", { status: 403, code: "challenge_failed", turnstileSiteKey: "key" });
    await visitor.page.evaluate(() => {
      // Replaces Cloudflare's script.
      const render = (container: HTMLElement): string => {
        const box = document.createElement("div");
        box.textContent = "☐ Verify you are human";
        box.style.cssText = "width: 268px; padding: 20px 16px; border: 1px solid; font-size: 14px";
        container.append(box);
        return "1";
      };
      Object.assign(window, { turnstile: { render, remove: () => {} } });
    });
    await visitor.write("Hello, I need help with tokenization infrastructure.");
    await visitor.send();
    await expect(visitor.panel).toContainText("Verify you are human");
  },
  "end-asked": async (visitor, api) => {
    await converse(visitor, api);
    await visitor.endButton.click();
    await expect(visitor.stayButton).toBeFocused();
  },
  closed_session: async (visitor, api) => {
    await converse(visitor, api);
    await visitor.endChat();
    await expect(visitor.panel).toContainText("This chat has ended");
  },
  expired: async (visitor, api) => {
    await converse(visitor, api);
    api.break("poll", { status: 410, code: "session_expired" });
    await expect(visitor.panel).toContainText("no activity for a while");
  },
  away: async (visitor, api) => {
    api.availability = { open: false, opensAt: "2026-05-25T07:00:00.000Z" };
    await visitor.visit();
    await visitor.page.evaluate(() => {
      const suggestions = ["What does it cost?", "Which assets can be tokenized?", "Book a call"];
      Object.assign(document.querySelector("matrix-support-chat") ?? {}, { suggestions });
    });
    await visitor.openChat();
    await expect(visitor.panel).toContainText("Back on Monday at 07:00.");
    await expect(visitor.panel.getByRole("button", { name: "Book a call" })).toBeVisible();
  },
  "address-asked": async (visitor, api) => {
    api.availability = { open: false, opensAt: "2026-05-25T07:00:00.000Z", mail: true };
    await converse(visitor, api);
    await visitor.panel.getByRole("textbox", { name: "Where may we answer" }).fill("ada@host");
    api.break("set-email", { status: 422, code: "invalid_field" });
    await visitor.panel.getByRole("button", { name: "Save", exact: true }).click();
    await expect(visitor.panel).toContainText("This is not an e-mail address.");
  },
  "address-saved": async (visitor, api) => {
    api.availability = { open: false, opensAt: "2026-05-25T07:00:00.000Z", mail: true };
    await converse(visitor, api);
    await visitor.panel.getByRole("textbox", { name: "Where may we answer" }).fill("ada@host.example");
    await visitor.panel.getByRole("button", { name: "Save", exact: true }).click();
    await expect(visitor.panel).toContainText("we answer to ada@host.example");
  },
  "not-saved": async (visitor, api) => {
    await converse(visitor, api);
    api.break("transcript", "unreachable");
    await visitor.panel.getByRole("button", { name: "Save this conversation" }).click();
    await expect(visitor.panel).toContainText("could not be saved");
  },
  rated: async (visitor, api) => {
    api.availability = { open: true, rating: true };
    await converse(visitor, api);
    await visitor.endChat();
    await visitor.panel.getByRole("button", { name: "Good", exact: true }).click();
    await expect(visitor.panel).toContainText("Thank you!");
  },
  past: async (visitor, api) => {
    api.availability = { open: true, rating: true };
    await converse(visitor, api);
    await visitor.endChat();
    await expect(visitor.panel.getByRole("button", { name: "Good", exact: true })).toBeVisible();
    const ended = await visitor.page.evaluate(() => ({ ...sessionStorage }));
    await visitor.page.addInitScript((items) => Object.assign(sessionStorage, items), ended);
    await visitor.reload();
    await visitor.openChat();
    await expect(visitor.panel.getByRole("button", { name: "Good", exact: true })).toBeVisible();
    await visitor.page.addInitScript(() => sessionStorage.clear());
  },
  erase: async (visitor, api) => {
    await converse(visitor, api);
    await visitor.endChat();
    await visitor.panel.getByRole("button", { name: "Delete this conversation" }).click();
    await expect(visitor.panel.getByRole("button", { name: "Keep it" })).toBeFocused();
  },
  "used-link": async (visitor) => {
    // The address differs in more than its fragment, so the browser loads the page.
    await visitor.visit("/prices");
    await visitor.visit("/#support-chat=used");
    await recreate(visitor.page, "resume", "");
    await expect(visitor.panel).toContainText("This link was used before");
  },
  greeting: async (visitor) => {
    await visitor.visit();
    await recreate(visitor.page, "greet-after", "call");
    await visitor.page.waitForFunction(() => "greet" in (document.querySelector("matrix-support-chat") ?? {}));
    await visitor.page.evaluate(() =>
      (document.querySelector("matrix-support-chat") as unknown as { greet(): void }).greet(),
    );
    await expect(visitor.page.locator("matrix-support-chat .greeting button").first()).toBeVisible();
  },
  "load-failure": async (visitor) => {
    await visitor.page.route("**/widget/chunks/**", (route) => route.abort());
    await visitor.visit();
    await visitor.launcher.click();
    await expect(visitor.page.getByRole("alert")).toBeVisible();
    await visitor.page.unroute("**/widget/chunks/**");
  },
  "load-failure-alone": async (visitor, api) => {
    await SCENES["load-failure"]?.(visitor, api);
    await visitor.page.evaluate(() => document.querySelector("matrix-support-chat")?.replaceChildren());
    await expect(visitor.page.getByRole("alert").getByRole("link", { name: "Chat with us" })).toBeVisible();
  },
  "all-kinds": async (visitor, api) => {
    await open(visitor, api);
    await visitor.say("Donaudampfschifffahrtsgesellschaftskapitänskajütenschlüssel");
    api.reply("if (a < b) {\n\treturn <b>bold</b>;\n}");
    api.reply("https://www.example.com/a/very/long/address/that/goes/on/and/on?and=on");
    api.reply("مرحبا بكم، ويمكنكم الكتابة بالعربية.");
    await visitor.reads("مرحبا");
    await visitor.write("line 1\nline 2\nline 3");
  },
  "right-to-left": async (visitor, api) => {
    const { page } = visitor;
    await visitor.visit();
    await page.getByRole("button").click();
    const panel = page.getByRole("dialog");
    const composer = panel.getByRole("textbox");
    await composer.fill("مرحبًا، أحتاج إلى مساعدة.");
    await composer.press("Enter");
    await expect(panel.getByRole("log")).toContainText("أحتاج");
    api.reply("أهلًا وسهلًا! كيف يمكننا مساعدتكم؟");
    await expect(panel.getByRole("log")).toContainText("أهلًا");
    api.break("send", "unreachable");
    await composer.fill("شكرًا");
    await composer.press("Enter");
    await expect(panel.getByRole("alert")).toBeVisible();
  },
};

/** Joins pictures side by side. */
async function save(page: Page, pictures: Buffer[], name: string): Promise<void> {
  const sheet = await page.context().newPage();
  const images = pictures.map((it) => `<img src="data:image/png;base64,${it.toString("base64")}">`);
  await sheet.setViewportSize({ width: 1760, height: 760 });
  await sheet.setContent(`
    <style>
      body { margin: 0; padding: 16px; display: inline-flex; gap: 16px; background: #8a8f9c; }
      img { display: block; border-radius: 8px; }
    </style>${images.join("")}`);
  const picture = await sheet.locator("body").screenshot();
  await sheet.close();
  await write(name, picture);
}

/** Firefox shows one colour scheme in a run, so only the main states are taken in it. */
const MAIN = ["empty", "conversation", "failure", "end-asked", "load-failure", "right-to-left"];

for (const [name, scene] of Object.entries(SCENES)) {
  test(name, async ({ visitor, host, api, browserName }, { project }) => {
    const { page } = visitor;
    const isChromium = browserName === "chromium";
    test.skip(!isChromium && !MAIN.includes(name), "not one of the main states");
    const schemes = isChromium ? (["light", "dark"] as const) : [null];
    const rtl = name === "right-to-left";
    host.is(rtl ? { ...PAGE, lang: "ar", dir: "rtl", title: "أصول" } : PAGE);
    // Each scene has a new tab, because a tab would send what an earlier scene left unanswered.
    await page.addInitScript(() => sessionStorage.clear());
    await page.clock.setFixedTime("2026-05-23T14:30:00Z");
    const pictures: Buffer[] = [];
    for (const { corner, ...size } of Object.values(SCREENS)) {
      await page.setViewportSize(size);
      if (isChromium) await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
      api.now = new Date("2026-05-23T14:05:00Z");
      api.availability = { open: true };
      await scene(visitor, api);
      const clip = { x: size.width - corner.width, y: size.height - corner.height, ...corner };
      for (const colorScheme of schemes) {
        if (colorScheme) await page.emulateMedia({ colorScheme });
        pictures.push(await page.screenshot({ clip, caret: "hide" }));
      }
      api.mend();
      await page.context().setOffline(false);
    }
    const directory = isChromium ? "" : "firefox/";
    const scheme = project.name.endsWith("dark") ? "-dark" : "";
    await save(page, pictures, directory + name.replace("_", "-") + scheme);
    visitor.complaints.length = 0; // The page uses scripts that replace those of others.
  });
}

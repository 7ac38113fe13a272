import type { Page } from "@playwright/test";

import { API_ORIGIN } from "../support/scripted-api.ts";
import { expect, HOST_ORIGIN, test } from "./fixtures.ts";

/** The element as the page's own scripts see it. */
interface ChatElement extends HTMLElement {
  apiUrl: string;
  enabled: boolean;
  open: boolean;
  visitorName?: string;
  visitorEmail?: string;
  messages?: Record<string, string>;
  show(): void;
  hide(): void;
}

type Heard = { type: string; detail: unknown; composed: boolean };

/** Notes every event of the chat that reaches the document. */
const LISTENER = `
  window.heard = [];
  for (const name of ["opened", "closed", "session-started", "message-sent", "message-received", "error"]) {
    document.addEventListener("support-chat-" + name, (event) => {
      const { type, detail, composed } = event;
      window.heard.push({ type, detail, composed });
    });
  }
`;

function heard(page: Page): Promise<Heard[]> {
  return page.evaluate(() => (window as unknown as { heard: Heard[] }).heard);
}

async function types(page: Page): Promise<string[]> {
  return (await heard(page)).map(({ type }) => type);
}

test("the page hears of everything that happens, and never of the token", async ({
  visitor,
  host,
  api,
}) => {
  host.is({ lang: "en", scripts: { "/listener.js": LISTENER } });
  await visitor.visit();
  await visitor.openChat();
  await visitor.say("Hello");
  const reply = api.reply("Hi!");
  await visitor.reads("Hi!");
  api.break("send", "unreachable");
  await visitor.write("Lost");
  await visitor.send();
  await expect(visitor.alert).toBeVisible();
  await visitor.closePanel();

  const events = await heard(visitor.page);
  expect(events.map(({ type, detail }) => [type, detail])).toEqual([
    ["support-chat-opened", null],
    ["support-chat-session-started", { sessionId: "s1" }],
    ["support-chat-message-sent", { messageId: "m1", createdAt: "2026-05-23T14:05:00.000Z" }],
    [
      "support-chat-message-received",
      { messageId: reply.id, body: "Hi!", createdAt: reply.createdAt },
    ],
    ["support-chat-error", { code: "not_sent" }],
    ["support-chat-closed", null],
  ]);
  expect(events.every(({ composed }) => composed)).toBe(true);
  expect(JSON.stringify(events)).not.toContain(api.token);
});

test("open is a property, an attribute, and two methods", async ({ visitor, host }) => {
  host.is({ lang: "en", scripts: { "/listener.js": LISTENER } });
  await visitor.visit();
  const element = visitor.page.locator("matrix-support-chat");
  const isOpen = (): Promise<boolean> => element.evaluate((it: ChatElement) => it.open);

  expect(await isOpen()).toBe(false);
  await element.evaluate((it: ChatElement) => it.show());
  await expect(visitor.panel).toBeVisible();
  await expect(visitor.launcher).toHaveAttribute("aria-expanded", "true");
  await expect(element).toHaveAttribute("open");

  await element.evaluate((it: ChatElement) => it.hide());
  await expect(visitor.panel).toBeHidden();
  await expect(element).not.toHaveAttribute("open");
  await expect(visitor.launcher).toHaveAttribute("aria-expanded", "false");

  await element.evaluate((it: ChatElement) => (it.open = true));
  await expect(visitor.panel).toBeVisible();
  await element.evaluate((it: ChatElement) => it.removeAttribute("open"));
  await expect(visitor.panel).toBeHidden();

  await element.evaluate((it: ChatElement) => it.setAttribute("open", "false"));
  expect(await isOpen()).toBe(false);
  await visitor.launcher.click();
  await expect(element).toHaveAttribute("open");
  expect(await isOpen()).toBe(true);
  await visitor.closeButton.click();
  expect(await isOpen()).toBe(false);
  await visitor.launcher.click();
  await visitor.launcher.click();
  await expect(visitor.panel).toBeHidden();
  expect(await types(visitor.page)).toEqual(
    Array.from({ length: 8 }, (_, n) => `support-chat-${n % 2 ? "closed" : "opened"}`),
  );
});

test("a page may open the chat from the start, and again after it was away", async ({
  visitor,
  host,
}) => {
  host.is({ lang: "en", attributes: "open" });
  await visitor.visit();
  await expect(visitor.panel).toBeVisible();
  const element = await visitor.page.locator("matrix-support-chat").elementHandle();
  await element?.evaluate((it) => it.remove());
  await expect(visitor.panel).toBeHidden();
  await element?.evaluate((it) => document.body.append(it));
  await expect(visitor.panel).toBeVisible();
});

test("a moved element keeps its chat", async ({ visitor }) => {
  await visitor.visit();
  await visitor.openChat();
  await visitor.write("a draft");
  await visitor.page.evaluate(() => {
    const element = document.querySelector("matrix-support-chat");
    if (element) document.querySelector("main")?.append(element);
  });
  await expect(visitor.composer).toHaveValue("a draft");
});

test("there is a chat for exactly enabled=true, and only with an API", async ({ visitor, host }) => {
  await visitor.visit();
  const element = visitor.page.locator("matrix-support-chat");
  await expect(visitor.launcher).toBeVisible();
  for (const value of ["TRUE", "1", "", "false"]) {
    await element.evaluate((it, value) => it.setAttribute("enabled", value), value);
    await expect(visitor.launcher).toBeHidden();
    await element.evaluate((it: ChatElement) => (it.enabled = true));
    await expect(visitor.launcher).toBeVisible();
  }
  await element.evaluate((it: ChatElement) => (it.apiUrl = ""));
  await expect(visitor.launcher).toBeHidden();
  expect(host).toBeDefined();
});

test("what was set before the browser knew the element counts", async ({ visitor, host }) => {
  host.is({
    attributes: 'hidden id="unused"',
    scripts: {
      "/early.js": `
        const element = document.createElement("matrix-support-chat");
        Object.assign(element, {
          apiUrl: "${API_ORIGIN}",
          enabled: true,
          open: true,
          visitorName: "Ada",
          messages: { panel: "Ask Ada's friends" },
        });
        document.querySelector("matrix-support-chat").replaceWith(element);`,
    },
  });
  await visitor.visit();
  const panel = visitor.page.getByRole("dialog", { name: "Ask Ada's friends" });
  await expect(panel).toBeVisible();
});

test("staff get to know who the visitor is, where the page does", async ({ visitor, host, api }) => {
  host.is({
    lang: "en",
    title: "Prices",
    attributes: 'visitor-name="Ada Lovelace" visitor-email="ada@lovelace.example"',
  });
  await visitor.visit("/prices?secret=1#more");
  await visitor.openChat();
  await visitor.say("Hello");
  expect(api.last("create")).toEqual({
    initialMessage: "Hello",
    sourceUrl: `${HOST_ORIGIN}/prices`,
    pageTitle: "Prices",
    visitorName: "Ada Lovelace",
    visitorEmail: "ada@lovelace.example",
  });
});

test("properties come before attributes, and what the API would refuse is left out", async ({
  visitor,
  host,
  api,
}) => {
  host.is({ lang: "en", attributes: 'visitor-name="Somebody" visitor-email="a@b.example"' });
  await visitor.visit();
  await visitor.page.locator("matrix-support-chat").evaluate((it: ChatElement) => {
    it.visitorName = "Ada\nLovelace\u2028";
    it.visitorEmail = "no address";
  });
  await visitor.openChat();
  await visitor.say("Hello");
  const request = api.last("create");
  expect(request["visitorName"]).toBe("AdaLovelace");
  expect(request).not.toHaveProperty("visitorEmail");
});

test("texts of the page's own take the place of the shipped ones", async ({ visitor, host }) => {
  host.is({
    lang: "en",
    scripts: {
      "/texts.js": `document.querySelector("matrix-support-chat").messages =
        { launcher: "Ask us", panel: "Questions", hello: "Ask <b>us</b>" };`,
    },
  });
  await visitor.visit();
  const { page } = visitor;
  await page.getByRole("button", { name: "Ask us" }).click();
  const panel = page.getByRole("dialog", { name: "Questions" });
  await expect(panel).toContainText("Ask <b>us</b>");
  await expect(panel.getByRole("textbox", { name: "Message" })).toBeVisible();
});

test("a position that is none is told to whoever looks at the console", async ({ visitor, host }) => {
  const said: string[] = [];
  visitor.page.on("console", (message) => said.push(message.text()));
  const warning = /^<matrix-support-chat>: position="LEFT" is not "left"$/;
  for (const [position, times] of [
    ["right", 0],
    ["left", 0],
    ["LEFT", 1],
  ] as const) {
    host.is({ lang: "en", attributes: `position="${position}"` });
    await visitor.visit();
    await visitor.openChat();
    expect(said.filter((it) => warning.test(it)), position).toHaveLength(times);
  }
});

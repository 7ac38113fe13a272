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

/** Records every event of the chat that reaches the document. */
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

/**
 * Settings that cannot work, as JavaScript that runs before the chat is opened, and the resulting
 * warnings.
 */
const MISTAKES: [mistake: string, advice: RegExp | undefined][] = [
  ["", undefined],
  ['element.setAttribute("position", "left")', undefined],
  ['element.setAttribute("position", "LEFT")', /^<matrix-support-chat>: position="LEFT" is not "left"$/],
  ['element.setAttribute("api-url", "chat.example.org")', /api-url="chat.example.org" is no address/],
  ['element.setAttribute("api-url", "https://chat.example.org/?a=b")', /api-url="https:.*" is no address/],
  ["element.apiUrl = location.origin", undefined],
  ['element.apiUrl = "/"', undefined],
  ['element.messages = "Hello"', /messages has to be of type object, and is of type string/],
  ["element.messages = { hello: 7, panel: null, send() {} }", undefined],
  ['element.setAttribute("messages", "[object Object]")', /messages is a property/],
  ["element.visitorName = 12345", undefined],
  ['element.visitorName = Symbol("Ada")', /visitorName has to be of type string or number, and is of type symbol/],
  ["element.visitorEmail = {}", /visitorEmail has to be of type string or number, and is of type object/],
];

for (const [mistake, advice] of MISTAKES) {
  test(`whoever looks at the console ${advice ? "is told once" : "is told nothing"}: ${mistake}`, async ({ visitor }) => {
    const { page } = visitor;
    // The page's policy keeps the chat from requesting the hours at a wrong address.
    visitor.expectComplaint(/availability/);
    const said: string[] = [];
    page.on("console", (message) => {
      if (message.text().startsWith("<matrix-support-chat>")) said.push(message.text());
    });
    await visitor.visit();
    const loaded = page.waitForResponse(/advice-/);
    await page.evaluate(`{ const element = document.querySelector("matrix-support-chat"); ${mistake} }`);
    await visitor.openChat();
    await loaded;
    if (advice) await expect.poll(() => said).toEqual([expect.stringMatching(advice)]);
    await page.locator("matrix-support-chat").evaluate((it: ChatElement) => {
      // The element is created again.
      it.enabled = false;
      it.enabled = true;
    });
    await expect(visitor.panel).toBeVisible();
    expect(said).toHaveLength(advice ? 1 : 0);
  });
}

test("before the chat is opened, the launcher's name follows the element's language", async ({ visitor }) => {
  const { page } = visitor;
  await visitor.visit();
  const element = page.locator("matrix-support-chat");
  for (const [lang, name] of [
    ["de", "Mit uns chatten"],
    ["fr-CA", "Discuter avec nous"],
    ["es_MX", "Chatee con nosotros"],
    ["uk", "Написати нам"],
    ["tlh", "Chat with us"],
    ["deu", "Chat with us"],
    ["ar", "تحدثوا معنا"],
  ] as const) {
    await element.evaluate((it, lang) => it.setAttribute("lang", lang), lang);
    await expect(page.getByRole("button", { name, exact: true })).toBeVisible();
  }
  await element.evaluate((it) => it.removeAttribute("lang"));
  await expect(visitor.launcher).toBeVisible();
  expect(visitor.traffic.chatChunks()).toEqual([]);
});

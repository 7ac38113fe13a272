import type { Page } from "@playwright/test";

import { dice } from "../support/dice.ts";
import { API_ORIGIN } from "../support/scripted-api.ts";
import { expect, test } from "./fixtures.ts";

/** The number of hostile pages and browsers. */
const TIMES = Number(process.env["FUZZ_TIMES"] ?? 40);
const SEED = Number(process.env["FUZZ_SEED"] ?? 7);

/** JavaScript expressions that a page or a browser may return instead of a text. */
const VALUES = [
  "undefined",
  "null",
  "12345",
  "NaN",
  "true",
  '""',
  '"\\ud800"',
  '"\\u202e\\u0000\\n"',
  '"x".repeat(100000)',
  "[]",
  "[1, null]",
  "({})",
  "Object.create(null)",
  "({ toString() { throw new Error('no') } })",
  "new Proxy({}, { get() { throw new Error('no') } })",
  'Symbol("s")',
  "12n",
  "() => {}",
  "document.body",
  "new Date(NaN)",
];

const LANGUAGES = [
  '"en-US@posix"',
  '"C"',
  '"de_DE.UTF-8"',
  '"x"',
  '"en-"',
  '""',
  '"zh-Hant-TW-u-nu-hanidec"',
  '"en-GB"',
];

const KEYS = ["panel", "hello", "state_sent", "state_delivered", "send", "load_failed", "placeholder"];

/** A page and a browser that return unexpected values. */
function hostile(random: () => number): string {
  const of = (list: string[]): string => list[Math.floor(random() * list.length)] ?? "null";
  const languages = random() < 0.3 ? of(VALUES) : `[${of(LANGUAGES)}, ${of(LANGUAGES)}, ${of(VALUES)}]`;
  const messages =
    random() < 0.3 ? of(VALUES) : `({ ${KEYS.map((key) => `${key}: ${of(VALUES)}`).join(", ")} })`;
  return `
    // The launcher has a name by then.
    await customElements.whenDefined("matrix-support-chat");
    Object.defineProperty(navigator, "languages", { get: () => (${languages}), configurable: true });
    const element = document.querySelector("matrix-support-chat");
    element.visitorName = ${of(VALUES)};
    element.visitorEmail = ${of(VALUES)};
    element.messages = ${messages};
    element.lang = ${of(LANGUAGES)};
    Date.prototype.toLocaleString = ${random() < 0.3 ? "() => { throw new Error('no') }" : "Date.prototype.toLocaleString"};
  `;
}

test("nothing that a page or a browser says breaks the chat", async ({ visitor, host, api }) => {
  test.setTimeout(30_000 + TIMES * 5_000);
  const { page } = visitor;
  const random = dice(SEED);
  for (let n = 0; n < TIMES; n += 1) {
    const script = hostile(random);
    await test.step(script, async () => {
      host.is({ lang: "en", scripts: { "/hostile.js": script } });
      await visitor.visit();
      const element = page.locator("matrix-support-chat");
      const composer = element.getByRole("textbox");
      await element.evaluate((it) => it.setAttribute("open", ""));
      await composer.fill(`Hello ${n}`);
      await composer.press("Enter");
      await expect(element.locator("time").first()).not.toBeEmpty();
      await composer.fill("x".repeat(3_900));
      await expect(composer).toHaveValue(/^x/);
      await page.evaluate(() => sessionStorage.clear());
    });
  }
  expect(api.count("create")).toBe(TIMES);
});

/**
 * Every property and attribute of the element, and the browser functions that the launcher uses.
 */
const PROPERTIES = ["apiUrl", "enabled", "open", "visitorName", "visitorEmail", "messages", "lang"];
const ATTRIBUTES = [
  ["lang", ["constructor", "__proto__", "toString", "", "\u202e", "de-", "x".repeat(10_000)]],
  ["position", ["left", "middle", ""]],
  ["open", ["false", "0", "constructor"]],
  ["watch-replies", ["", "no"]],
] as const;

/**
 * JavaScript that sets properties before the element is defined: values, and properties that throw
 * or cannot be deleted.
 */
function hostileBefore(random: () => number): string {
  const of = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const lines = PROPERTIES.filter(() => random() < 0.5).map((name) => {
    const value = of(VALUES);
    // (A page that makes the switches themselves throw gets no chat.)
    if (random() < 0.3 && !["apiUrl", "enabled", "open"].includes(name)) {
      return `Object.defineProperty(element, "${name}", {
        get() { throw new Error("no") }, configurable: ${random() < 0.5}, enumerable: true });`;
    }
    return `try { element.${name} = ${value} } catch {}`;
  });
  const attributes = ATTRIBUTES.filter(() => random() < 0.5).map(
    ([name, values]) => `element.setAttribute("${name}", ${JSON.stringify(of(values))});`,
  );
  return `
    for (const name of ["language", "languages", "locks"]) {
      const value = ${of(VALUES)};
      if (${random()} < 0.4) Object.defineProperty(navigator, name, { get: () => value, configurable: true });
    }
    if (${random()} < 0.2) Object.defineProperty(navigator, "language", { get() { throw new Error("no") } });
    const element = document.querySelector("matrix-support-chat");
    ${lines.join("\n    ")}
    ${attributes.join("\n    ")}
  `;
}

test("nothing that is there before the element is defined keeps the launcher from working", async ({
  visitor,
  host,
}) => {
  test.setTimeout(30_000 + TIMES * 5_000);
  const { page } = visitor;
  const random = dice(SEED + 1);
  for (let n = 0; n < TIMES; n += 1) {
    const script = hostileBefore(random);
    await test.step(script, async () => {
      host.is({ lang: "en", scripts: { "/hostile.js": script } });
      await visitor.visit();
      const element = page.locator("matrix-support-chat");
      // Valid values have their effect, so only the others are tested.
      await element.evaluate((it, api) => {
        it.setAttribute("api-url", api);
        it.setAttribute("enabled", "false");
        it.removeAttribute("open");
        it.setAttribute("enabled", "true");
      }, API_ORIGIN);
      const launcher = element.locator("[part=launcher]");
      await expect(launcher).toBeVisible();
      await expect(launcher).toHaveAccessibleName(/./);
      await expect(launcher).not.toHaveAccessibleName(/undefined|function|object/);
      await launcher.click();
      await expect(element.getByRole("textbox")).toBeFocused();
      await page.evaluate(() => sessionStorage.clear());
    });
  }
  visitor.complaints.length = 0; // Of the page's own scripts.
});

test('lang="constructor" is no language', async ({ visitor, host }) => {
  host.is({ lang: "constructor" });
  await visitor.visit();
  await visitor.openChat();
  await expect(visitor.composer).toBeFocused();
});

test("texts that throw when they are read are as if they were not there", async ({ visitor, host }) => {
  host.is({
    lang: "en",
    scripts: {
      "/early.js": `Object.defineProperty(document.querySelector("matrix-support-chat"), "messages", {
        get() { throw new Error("no") }, configurable: true, enumerable: true });`,
    },
  });
  await visitor.visit();
  await visitor.openChat();
  await expect(visitor.composer).toBeFocused();
});

/** Breaks what the chat's WASM calls, as if it had crashed. */
async function kill(page: Page): Promise<void> {
  await page.evaluate(() => {
    const { prototype } = HTMLElement;
    const hidden = Object.getOwnPropertyDescriptor(prototype, "hidden") ?? {};
    Object.assign(window, { mend: () => Object.defineProperty(prototype, "hidden", hidden) });
    Object.defineProperty(prototype, "hidden", {
      ...hidden,
      set() {
        throw new Error("broken by the page");
      },
    });
  });
}

test("a chat that dies leaves the other ways to reach us, and what was typed", async ({
  visitor,
  host,
  api,
}) => {
  host.is({ lang: "en", content: '<a href="mailto:help@host.example">Write an e-mail</a>' });
  const { page } = visitor;
  await visitor.beginConversation("Hello");
  await visitor.write("Half a sent");
  await kill(page);
  await visitor.composer.pressSequentially("ence");
  const alert = page.locator("matrix-support-chat").getByRole("alert");
  await expect(alert).toContainText("could not be loaded");
  await expect(alert.getByRole("textbox")).toHaveValue("Half a sente");
  await expect(page.getByRole("link", { name: "Write an e-mail" })).toBeVisible();
  await expect(visitor.panel).toBeHidden();
  // No part of the chat continues to run.
  const asked = api.requests.length;
  await page.evaluate(() => dispatchEvent(new Event("online")));

  // The cause of the crash is gone.
  await page.evaluate(() => (window as unknown as { mend(): void }).mend());
  await visitor.openChat();
  await visitor.reads("Hello");
  await expect(visitor.composer).toHaveValue("Half a sente");
  await expect(alert).toBeHidden();
  await visitor.send();
  await visitor.reads("Half a sente");
  expect(api.count("create")).toBe(1);
  expect(api.requests.length).toBeGreaterThan(asked);
});

test("a chat that dies shows what was typed even where storage is forbidden", async ({ visitor }) => {
  const { page } = visitor;
  await page.addInitScript(() => {
    Object.defineProperty(window, "sessionStorage", {
      get() {
        throw new DOMException("forbidden", "SecurityError");
      },
    });
  });
  await visitor.visit();
  await visitor.openChat();
  await kill(page);
  await visitor.write("Half a sentence");
  const alert = page.locator("matrix-support-chat").getByRole("alert");
  await expect(alert.getByRole("textbox")).toHaveValue("Half a sentence");
});

/** JavaScript that replaces `fetch` as a page may do. */
const FETCHES = [
  '() => Promise.reject("blocked by the page")',
  "() => { throw undefined }",
  "async () => ({ ok: true, status: 201 })",
  "async () => undefined",
  "async () => Response.error()",
];

for (const broken of FETCHES) {
  test(`a page with fetch = ${broken} costs the visitor nothing but a Retry`, async ({ visitor, api }) => {
    const { page } = visitor;
    await visitor.visit();
    await visitor.openChat();
    await page.evaluate(`(() => {
      const real = window.fetch;
      window.fetch = ${broken};
      window.mend = () => { window.fetch = real; };
    })()`);
    await visitor.write("Hello");
    await visitor.send();
    await expect(visitor.alert).toContainText("could not be sent");
    await expect(visitor.composer).toHaveValue("Hello");
    await page.evaluate("mend()");
    await visitor.retry();
    await expect.poll(() => api.count("create")).toBe(1);
    await visitor.reads("Hello");
  });
}

for (const lang of ["de_DE", "DE", "de-CH", "de_AT.UTF-8"]) {
  test(`lang="${lang}" is German`, async ({ visitor, host }) => {
    host.is({ lang });
    await visitor.visit();
    await visitor.page.getByRole("button", { name: "Mit uns chatten" }).click();
    await expect(visitor.page.getByRole("textbox", { name: "Nachricht" })).toBeVisible();
  });
}

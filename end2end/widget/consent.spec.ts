import type { Locator } from "@playwright/test";

import type { Visitor } from "../support/visitor.ts";
import { expect, HOST_ORIGIN, test } from "./fixtures.ts";

const CONSENT = "By writing to us you agree to our [privacy notice](https://host.example/privacy).";
const WORDS = "By writing to us you agree to our privacy notice.";

const line = (visitor: Visitor): Locator => visitor.panel.locator(".consent");

/** The links of the line: what each says, and where it goes. */
const links = (visitor: Visitor): Promise<string[][]> =>
  line(visitor)
    .locator("a")
    .evaluateAll((them) => them.map((it) => [it.textContent, (it as HTMLAnchorElement).href]));

test.beforeEach(({ host }) => host.is({ lang: "en", attributes: `consent="${CONSENT}"` }));

test("a line with a link stands above the composer until the first message was accepted", async ({ visitor, api }) => {
  await visitor.visit();
  expect(api.requests).toEqual([]);
  await visitor.openChat();
  await expect(line(visitor)).toHaveText(WORDS);
  const link = line(visitor).getByRole("link", { name: "privacy notice" });
  await expect(link).toHaveAttribute("href", "https://host.example/privacy");
  await expect(link).toHaveAttribute("rel", "noopener noreferrer nofollow");
  await expect(link).toHaveAttribute("target", "_blank");
  await expect(visitor.composer, "it does not take the focus").toBeFocused();
  await expect(visitor.composer).toHaveAccessibleDescription(WORDS);
  // Whoever goes by keyboard comes past the link on the way back from the composer.
  await visitor.page.keyboard.press("Shift+Tab");
  await expect(link).toBeFocused();

  const answer = api.hold("create");
  await visitor.write("Hello");
  await visitor.send();
  await visitor.reads("Sending…");
  await expect(line(visitor)).toBeVisible();
  answer();
  await visitor.reads("Delivered");
  await expect(line(visitor)).toBeHidden();
  await expect(visitor.composer).toHaveAccessibleDescription("");
});

test("it is not said again in the conversation, but before the next one", async ({ visitor }) => {
  await visitor.beginConversation("Hello");
  await visitor.reload();
  await visitor.openChat();
  await visitor.reads("Hello");
  await expect(line(visitor)).toBeHidden();
  await visitor.endChat();
  await expect(visitor.panel).toContainText("This chat has ended");
  await expect(line(visitor)).toBeHidden();
  await visitor.panel.getByRole("button", { name: "Start a new chat" }).click();
  await expect(line(visitor)).toHaveText(WORDS);
});

test("a first message that fails does not take it away", async ({ visitor, api }) => {
  await visitor.visit();
  await visitor.openChat();
  api.break("create", "unreachable");
  await visitor.write("Hello");
  await visitor.send();
  await expect(visitor.alert).toBeVisible();
  await expect(line(visitor)).toHaveText(WORDS);
  api.mend();
  await visitor.retry();
  await visitor.reads("Hello");
  await expect(line(visitor)).toBeHidden();
});

/** A text, what of it is read, and its links. */
const TEXTS: [text: string, words: string, links: string[][]][] = [
  ["No link.", "No link.", []],
  ["See https://host.example/privacy.", "See https://host.example/privacy.", [
    ["https://host.example/privacy", "https://host.example/privacy"],
  ]],
  ["[Notice](/privacy?a=1#b), [terms](https://host.example/a_(b)) or mailto:dpo@host.example", "Notice, terms or mailto:dpo@host.example", [
    ["Notice", `${HOST_ORIGIN}/privacy?a=1#b`],
    ["terms", "https://host.example/a_(b)"],
    ["mailto:dpo@host.example", "mailto:dpo@host.example"],
  ]],
  ["[Write](mailto:dpo@host.example)", "Write", [["Write", "mailto:dpo@host.example"]]],
  // Nothing of it is markup, and no other address is followed.
  ["<b>x</b> <a href='/y'>y</a> [<img src=x>](/z)", "<b>x</b> <a href='/y'>y</a> <img src=x>", [["<img src=x>", `${HOST_ORIGIN}/z`]]],
  ["[a](javascript:alert(1)) [b](JaVaScRiPt:x) [c](data:text/html,x)", "[a](javascript:alert(1)) [b](JaVaScRiPt:x) [c](data:text/html,x)", []],
  ["[a](ftp://host.example) [b](https://) [c](https://bank.example@evil.example/)", "[a](ftp://host.example) [b](https://) [c](https://bank.example@evil.example/)", []],
  ["[] [a] (b) [](x) [a] (/b) [a](", "[] [a] (b) [](x) [a] (/b) [a](", []],
  ["", "", []],
];

test("words and addresses are links, and the rest is text, however often it changes", async ({ visitor }) => {
  await visitor.visit();
  await visitor.openChat();
  const element = visitor.page.locator("matrix-support-chat");
  for (const [text, words, wanted] of TEXTS) {
    await element.evaluate((it, text) => it.setAttribute("consent", text), text);
    await expect(line(visitor)).toHaveText(words);
    await expect.poll(() => links(visitor), text).toEqual(wanted);
    await expect(line(visitor).locator(":not(a)"), text).toHaveCount(0);
  }
  await expect(line(visitor), "an empty one is none").toBeHidden();
  await element.evaluate((it) => it.setAttribute("consent", "Once more"));
  await expect(line(visitor)).toHaveText("Once more");
  await element.evaluate((it) => it.removeAttribute("consent"));
  await expect(line(visitor)).toBeHidden();
  await expect(visitor.composer).toHaveAccessibleDescription("");
});

test("where what makes links does not come, the address is there to be read", async ({ visitor, host }) => {
  host.is({ lang: "en", attributes: `consent="${CONSENT}"`, refuses: /chunks\/links/ });
  visitor.expectComplaint(/Loading module/);
  await visitor.visit();
  await visitor.openChat();
  await expect(line(visitor)).toHaveText(CONSENT);
  await visitor.say("Hello");
  await expect(line(visitor)).toBeHidden();
});

test("a long one leaves the composer in sight on a small screen", async ({ visitor, host }) => {
  host.is({ lang: "en", attributes: `consent="${`${WORDS} `.repeat(40)}"` });
  await visitor.page.setViewportSize({ width: 320, height: 568 });
  await visitor.visit();
  await visitor.openChat();
  await expect(line(visitor)).toBeVisible();
  await expect(visitor.composer).toBeInViewport({ ratio: 1 });
  await expect(visitor.sendButton).toBeInViewport({ ratio: 1 });
});

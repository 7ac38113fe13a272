import { expect, test } from "./fixtures.ts";

/** What the chat offers beside the conversation, in WebKit. */

test("what the page wants known stands above the composer until the first message was accepted", async ({
  visitor,
  host,
  webkit,
}) => {
  host.is({ lang: "en", attributes: 'consent="See our [privacy notice](/privacy). <b>Thanks</b>"' });
  await visitor.visit();
  await visitor.openChat();
  await visitor.reads("See our privacy notice. <b>Thanks</b>", "dialog");
  await visitor.sees("link", "privacy notice");
  const described = (): Promise<string> =>
    webkit.evaluate(() => {
      const root = document.querySelector("matrix-support-chat")?.shadowRoot;
      const ids = root?.querySelector("textarea")?.getAttribute("aria-describedby")?.split(" ") ?? [];
      return ids.map((id) => root?.getElementById(id)?.textContent).join("");
    });
  expect(await described()).toBe("See our privacy notice. <b>Thanks</b>");
  await visitor.say("Hello");
  await visitor.reads("Delivered");
  await visitor.seesNot("link", "privacy notice");
  expect(await described()).toBe("");
});

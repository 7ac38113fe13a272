import { HOST_ORIGIN } from "../widget/fixtures.ts";
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

test("the panel says when somebody is back, in the visitor's zone, and that somebody is there", async ({
  visitor,
  api,
  webkit,
}) => {
  const opensAt = new Date(Date.now() + 2 * 86_400_000);
  opensAt.setUTCMinutes(0, 0, 0);
  api.availability = { open: false, opensAt: opensAt.toISOString() };
  const [day, time] = await webkit.evaluate((at) => {
    const show = (style: Intl.DateTimeFormatOptions): string => {
      const locale = navigator.languages.find((it) => it.startsWith("en")) ?? "en";
      return new Date(at).toLocaleString(locale, style);
    };
    return [show({ weekday: "long" }), show({ timeStyle: "short" })] as const;
  }, opensAt.toISOString());
  await visitor.visit();
  await visitor.openChat();
  await visitor.reads(`Back on ${day} at ${time}. You can write now: your message is kept.`, "dialog");
  await visitor.say("Hello");
  await visitor.reads(`Back on ${day} at ${time}.`, "dialog");
  api.availability = { open: true };
  await webkit.evaluate(() => sessionStorage.clear());
  await visitor.visit("/next");
  await visitor.openChat();
  await visitor.reads("Support is open now.", "dialog");
});

test("an address is saved, and removed", async ({ visitor, api, webkit }) => {
  api.availability = { open: false, mail: true };
  await visitor.visit();
  await visitor.openChat();
  await visitor.say("Hello");
  const field = "Where may we answer if you leave?";
  await visitor.sees("textbox", field);
  expect(await visitor.focused()).toBe("textbox Message");
  const input = await visitor.find("textbox", field);
  if (input) await webkit.write(input, "ada@host.example");
  await visitor.click("button", "Save");
  await visitor.reads("If you leave, we answer to ada@host.example.", "dialog");
  expect(api.email).toBe("ada@host.example");
  await visitor.click("button", "Remove address");
  await visitor.seesNot("button", "Remove address");
  expect(api.email).toBeUndefined();
});

test("a conversation is saved as a file, after its end and a reload too", async ({ visitor, api, webkit }) => {
  api.transcript = "14:05 You: Grüße ✓\n";
  await visitor.visit();
  await visitor.openChat();
  await visitor.say("Hello");
  const save = async (): Promise<void> => {
    await webkit.evaluate(() => {
      const { createObjectURL } = URL;
      URL.createObjectURL = (blob: Blob) => {
        void blob.text().then((text) => (document.title = text));
        URL.createObjectURL = createObjectURL;
        return createObjectURL(blob);
      };
    });
    await visitor.click("button", "Save this conversation");
    await expect.poll(() => webkit.evaluate(() => document.title)).toBe(api.transcript.trim());
  };
  await save();
  await visitor.endChat();
  await visitor.reads("This chat has ended", "dialog");
  await webkit.reload();
  await visitor.openChat();
  await visitor.reads("Your last conversation", "dialog");
  await save();
  const requests = api.requests.filter(({ operation }) => operation === "transcript");
  expect(requests.map(({ request }) => request.headers()["authorization"])).toEqual([
    `Bearer ${api.token}`,
    `Bearer ${api.token}`,
  ]);
});

test("staff hear where the visitor goes within an app", async ({ visitor, api, webkit }) => {
  await visitor.visit();
  await visitor.openChat();
  await visitor.say("Hello");
  await webkit.evaluate(() => history.pushState({}, "", "/prices?coupon=secret#table"));
  await expect.poll(() => api.count("page"), { timeout: 30_000 }).toBe(1);
  expect(api.last("page")).toEqual({ sourceUrl: `${HOST_ORIGIN}/prices`, pageTitle: "A page" });
});

test("a suggested question is written and sent by one click", async ({ visitor, api, host }) => {
  const script = 'document.querySelector("matrix-support-chat").suggestions = ["How much is it?"];';
  host.is({ lang: "en", scripts: { "/suggestions.js": script } });
  await visitor.visit();
  await visitor.openChat();
  await visitor.click("button", "How much is it?");
  await visitor.reads("How much is it?");
  expect(api.last("create")).toMatchObject({ initialMessage: "How much is it?" });
  await visitor.seesNot("button", "How much is it?");
});

test("what the page's server says of its visitor goes with the first message, and with no other", async ({
  visitor,
  api,
  host,
}) => {
  host.is({ lang: "en", attributes: 'identity="a.signed.token"' });
  await visitor.visit();
  await visitor.openChat();
  await visitor.say("Hello");
  expect(api.last("create")).toMatchObject({ initialMessage: "Hello", identity: "a.signed.token" });
  await visitor.say("And more");
  expect(api.last("send")).toEqual({ body: "And more" });
});

test("the code of a mail that comes without a reload resumes, too", async ({ visitor, api, host, webkit }) => {
  await visitor.visit();
  await visitor.openChat();
  await visitor.say("Hello");
  api.codes.set("code", "s1");
  await webkit.evaluate(() => sessionStorage.clear());
  host.is({ lang: "en", attributes: "resume" });
  await visitor.visit("/next");
  await visitor.sees("button", "Chat with us");
  // Until what listens for it is there.
  await expect
    .poll(async () => {
      await webkit.evaluate(() => (location.hash = "support-chat=code"));
      return webkit.evaluate(() => location.hash);
    })
    .toBe("");
  await visitor.reads("Hello");
  expect(api.count("create")).toBe(1);
});

test("a greeting comes on call, and a click on it opens the chat", async ({ visitor, host, webkit }) => {
  host.is({ lang: "en", attributes: 'greet-after="call"' });
  await visitor.visit();
  await visitor.sees("button", "Chat with us");
  await expect.poll(() => webkit.evaluate(() => "greet" in (document.querySelector("matrix-support-chat") ?? {}))).toBe(true);
  await webkit.evaluate(() => {
    (document.querySelector("matrix-support-chat") as unknown as { greet(text: string): void }).greet("Questions?");
  });
  await visitor.click("button", "Questions?");
  await visitor.sees("dialog", "Support chat");
});

test("a conversation is deleted, once the visitor is sure", async ({ visitor, api, webkit }) => {
  await visitor.visit();
  await visitor.openChat();
  await visitor.say("Hello");
  await visitor.endChat();
  await visitor.click("button", "Delete this conversation");
  await expect.poll(() => visitor.focused()).toBe("button Keep it");
  await visitor.click("button", "Delete");
  await expect.poll(() => visitor.focused()).toBe("textbox Message");
  expect(api.count("erase")).toBe(1);
  expect(await webkit.evaluate(() => Object.keys(sessionStorage))).toEqual([]);
});

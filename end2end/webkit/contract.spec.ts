import { API_ORIGIN } from "../support/scripted-api.ts";
import type { WebKitVisitor } from "../support/webkit-visitor.ts";
import { expect, test } from "./fixtures.ts";

/** What the contract says about the widget, in WebKit, the engine of Safari. */

test("launcher, panel and their parts have the roles and names of the contract", async ({
  visitor,
  api,
}) => {
  await visitor.visit();
  await visitor.sees("button", "Chat with us");
  await visitor.seesNot("dialog", "Support chat");
  expect(api.requests).toEqual([]);
  await visitor.openChat();
  expect(api.requests.filter(({ operation }) => operation !== "availability")).toEqual([]);
  await visitor.say("Hello");
  await visitor.reads("Delivered");
  for (const name of ["Send", "End chat", "Close"]) await visitor.sees("button", name);
});

test("a reply arrives, once, as text", async ({ visitor, api }) => {
  await visitor.visit();
  await visitor.openChat();
  await visitor.say("Hello");
  api.reply("<b>Hi!</b> How can we help?");
  await visitor.reads("<b>Hi!</b> How can we help?");
  expect((await visitor.text("log")).split("Hello")).toHaveLength(2);
});

test("what fails is kept, and Retry sends it under the same key", async ({ visitor, api }) => {
  await visitor.visit();
  await visitor.openChat();
  await visitor.say("Hello");
  api.break("send", "unreachable");
  await visitor.write("Once");
  await visitor.click("button", "Send");
  await visitor.reads("could not be sent", "alert");
  expect(await visitor.draft()).toBe("Once");
  api.mend();
  await visitor.click("button", "Retry");
  await visitor.reads("Once");
  await expect.poll(() => api.count("send")).toBe(2);
  const keys = api.requests
    .filter(({ operation }) => operation === "send")
    .map(({ request }) => request.headers()["idempotency-key"]);
  expect(new Set(keys).size).toBe(1);
});

test("a reload restores the conversation and the draft", async ({ visitor, api, webkit }) => {
  await visitor.visit();
  await visitor.openChat();
  await visitor.say("Hello");
  await visitor.write("not finished");
  await webkit.reload();
  await visitor.openChat();
  await visitor.reads("Hello");
  await expect.poll(() => visitor.draft()).toBe("not finished");
  expect(api.count("create")).toBe(1);
});

test("a message that is under way when the page is left arrives once", async ({
  visitor,
  api,
  webkit,
}) => {
  await visitor.visit();
  await visitor.openChat();
  const answer = api.hold("create");
  await visitor.write("Under way");
  await visitor.click("button", "Send");
  await expect.poll(() => api.count("create")).toBe(1);
  await webkit.reload();
  answer();
  await visitor.openChat();
  await visitor.reads("Under way");
  const keys = api.requests
    .filter(({ operation }) => operation === "create")
    .map(({ request }) => request.headers()["idempotency-key"]);
  expect(new Set(keys).size).toBe(1);
});

test("the focus goes in and back, and all of it goes by keyboard", async ({ visitor, webkit }) => {
  await visitor.visit();
  await visitor.openChat();
  await webkit.type("one");
  await webkit.press("Shift+Enter");
  await webkit.type("two");
  expect(await visitor.draft()).toBe("one\ntwo");
  await webkit.press("Enter");
  await visitor.reads("one\ntwo");
  await webkit.press("Escape");
  await visitor.seesNot("dialog", "Support chat");
  expect(await visitor.focused()).toBe("button Chat with us");
});

test("Close closes the panel and not the session, End chat ends it", async ({ visitor, api }) => {
  await visitor.visit();
  await visitor.openChat();
  await visitor.say("Hello");
  await visitor.click("button", "Close");
  await visitor.seesNot("dialog", "Support chat");
  await visitor.openChat();
  await visitor.reads("Hello");
  expect(api.count("close")).toBe(0);
  await visitor.endChat();
  await expect.poll(() => api.count("close")).toBe(1);
  await visitor.reads("This chat has ended", "dialog");
});

test("on a small screen the panel covers the page, without a way to scroll to the side", async ({
  visitor,
  webkit,
}) => {
  await webkit.resize(450, 700);
  await visitor.visit();
  await visitor.openChat();
  const panel = await visitor.find("dialog", "Support chat");
  const covers = (): Promise<number[]> =>
    webkit.evaluate((it) => {
      const { left, top, width, height } = (it as unknown as Element).getBoundingClientRect();
      const { clientWidth, scrollWidth } = document.documentElement;
      return [left, top, clientWidth - width, innerHeight - height, scrollWidth - clientWidth];
    }, panel);
  // After the panel has risen.
  await expect.poll(covers).toEqual([0, 0, 0, 0, 0]);
});

test("the composer shows a second line", async ({ visitor, webkit }) => {
  await visitor.visit();
  await visitor.openChat();
  const composer = await visitor.find("textbox", "Message");
  const heights = () =>
    webkit.evaluate((it) => {
      const { clientHeight, scrollHeight } = it as unknown as Element;
      return { clientHeight, scrollHeight };
    }, composer);
  const empty = (await heights()).clientHeight;
  await visitor.write("one");
  await webkit.press("Shift+Enter");
  await webkit.type("two");
  const { clientHeight, scrollHeight } = await heights();
  expect(clientHeight).toBeGreaterThan(empty);
  expect(scrollHeight, "nothing is cut").toBe(clientHeight);
});

test("where the chat cannot be loaded, the element's content says how else to get in touch", async ({
  visitor,
  host,
}) => {
  host.is({ lang: "en", content: '<a href="/contact">Write an e-mail</a>', refuses: /chunks/ });
  await visitor.visit();
  await visitor.click("button", "Chat with us");
  await visitor.reads("could not be loaded", "alert");
  await visitor.sees("link", "Write an e-mail");
  await visitor.seesNot("link", "Chat with us");
});

test("where there is no such content, it leads to the server's own page", async ({ visitor, host, webkit }) => {
  host.is({ lang: "en", refuses: /chunks/ });
  await visitor.visit();
  await visitor.click("button", "Chat with us");
  await visitor.reads("could not be loaded", "alert");
  await visitor.sees("link", "Chat with us");
  const link = await visitor.find("link", "Chat with us");
  const goes = webkit.evaluate((it) => {
    const { href, target } = it as unknown as HTMLAnchorElement;
    return { href, target };
  }, link);
  expect(await goes).toEqual({ href: `${API_ORIGIN}/support`, target: "_blank" });
});

test("while nobody is there the panel says so, and an address may be left, or not", async ({ visitor, api }) => {
  api.availability = { open: false, mail: true };
  await visitor.visit();
  await visitor.openChat();
  await visitor.reads("Nobody is here right now.", "dialog");
  await visitor.say("Hello");
  await visitor.click("button", "Save");
  await visitor.reads("This is not an e-mail address.", "dialog");
  await visitor.click("button", "No, thanks");
  await visitor.seesNot("button", "No, thanks");
  expect(api.count("set-email")).toBe(0);
});

test("after the end the visitor says how it was", async ({ visitor, api }) => {
  api.availability = { open: true, rating: true };
  await visitor.visit();
  await visitor.openChat();
  await visitor.say("Hello");
  await visitor.endChat();
  await visitor.sees("button", "Save this conversation");
  await visitor.click("button", "Not good");
  await visitor.reads("Thank you!", "dialog");
  expect(api.rating).toEqual({ rating: "bad" });
});

test("the link of a mail opens the conversation, and the code leaves the address", async ({
  visitor,
  api,
  host,
  webkit,
}) => {
  await visitor.visit();
  await visitor.openChat();
  await visitor.say("Hello");
  api.codes.set("code", "s1");
  await webkit.evaluate(() => sessionStorage.clear());
  host.is({ lang: "en", attributes: "resume" });
  await visitor.visit("/next#support-chat=code");
  await visitor.reads("Hello");
  expect(await webkit.evaluate(() => location.hash)).toBe("");
  expect(api.count("create")).toBe(1);
});

test("a greeting is dismissed, and does not come again", async ({ visitor, host }) => {
  host.is({ lang: "en", attributes: 'greet-after="0"' });
  await visitor.visit();
  await visitor.click("button", "Dismiss");
  await visitor.seesNot("button", "Dismiss");
  await visitor.visit("/next");
  await visitor.sees("button", "Chat with us");
  await visitor.seesNot("button", "Dismiss");
});

test("light or dark is the visitor's choice", async ({ visitor, webkit, gtkTheme }) => {
  await visitor.visit();
  await visitor.openChat();
  const surface = await webkit.evaluate(() => {
    const panel = document.querySelector("matrix-support-chat")?.shadowRoot?.querySelector("[part=panel]");
    return panel ? getComputedStyle(panel).backgroundColor : "";
  });
  expect(surface).toBe(gtkTheme.endsWith(":dark") ? "rgb(23, 26, 35)" : "rgb(255, 255, 255)");
});

const STATES: Record<string, (visitor: WebKitVisitor) => Promise<void>> = {
  closed: async () => {},
  empty: (visitor) => visitor.openChat(),
  conversation: async (visitor) => {
    await visitor.openChat();
    await visitor.say("Hello");
  },
};

for (const [state, reach] of Object.entries(STATES)) {
  test(`axe finds nothing wrong: ${state}`, async ({ visitor }) => {
    await visitor.visit();
    await reach(visitor);
    expect(await visitor.violations()).toEqual([]);
  });
}

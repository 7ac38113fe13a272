import { expect, test } from "./fixtures.ts";

test("what the page's server says of its visitor goes with the first message, and with no other", async ({
  visitor,
  api,
  host,
}) => {
  host.is({ lang: "en", attributes: 'identity="a.signed.token"' });
  await visitor.beginConversation("Hello");
  expect(api.last("create")).toMatchObject({ initialMessage: "Hello", identity: "a.signed.token" });
  await visitor.say("And more");
  expect(api.last("send")).toEqual({ body: "And more" });
  expect(JSON.stringify(await visitor.sessionStorage())).not.toContain("signed");
});

test("the property counts, and a repetition has the one that there is by then", async ({ visitor, api }) => {
  const { page } = visitor;
  await visitor.visit();
  await page.evaluate(() => Object.assign(document.querySelector("matrix-support-chat") ?? {}, { identity: "first" }));
  await visitor.openChat();
  api.break("create", "unreachable");
  await visitor.write("Hello");
  await visitor.send();
  await expect(visitor.retryButton).toBeEnabled();
  expect(api.last("create")).toMatchObject({ identity: "first" });
  api.mend();
  await page.evaluate(() => Object.assign(document.querySelector("matrix-support-chat") ?? {}, { identity: "renewed" }));
  await visitor.retry();
  await visitor.reads("Delivered");
  expect(api.last("create")).toMatchObject({ initialMessage: "Hello", identity: "renewed" });
});

for (const [what, identity] of [
  ["nothing", "undefined"],
  ["an object", "({ token: 1 })"],
  ["what throws", "({ toString() { throw 1; } })"],
] as const) {
  test(`without one, none is sent: ${what}`, async ({ visitor, api, host }) => {
    host.is({
      lang: "en",
      scripts: { "/identity.js": `document.querySelector("matrix-support-chat").identity = ${identity};` },
    });
    await visitor.beginConversation("Hello");
    expect(Object.keys(api.last("create"))).not.toContain("identity");
  });
}

for (const [what, identity] of [
  ["a longer one than the server takes", '"x".repeat(8193)'],
  ["half a character", '"a.\\ud800.b"'],
] as const) {
  test(`one that cannot be used is left out with a word: ${what}`, async ({ visitor, api, host }) => {
    host.is({
      lang: "en",
      scripts: { "/identity.js": `document.querySelector("matrix-support-chat").identity = ${identity};` },
    });
    const said: string[] = [];
    visitor.page.on("console", (message) => {
      if (message.text().includes("identity")) said.push(message.text());
    });
    await visitor.beginConversation("Hello");
    expect(Object.keys(api.last("create"))).not.toContain("identity");
    await visitor.say("More");
    expect(said).toEqual([expect.stringContaining("identity is no JWT")]);
  });
}

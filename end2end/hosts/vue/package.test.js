// Uses the installed package outside browsers: on a server that renders pages, and in editors.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const NAME = "@webdevelop-pro/matrix-support-chat";
const directory = new URL(`./node_modules/${NAME}/`, import.meta.url);
const read = (name) => readFileSync(new URL(name, directory), "utf8");

/**
 * Globals that exist in browsers and not on a server, and the packages that read them nevertheless.
 */
const asked = [];
for (const name of [
  "window",
  "document",
  "location",
  "customElements",
  "HTMLElement",
  "ShadowRoot",
  "CSSStyleSheet",
  "sessionStorage",
  "localStorage",
  "matchMedia",
  "requestIdleCallback",
]) {
  Object.defineProperty(globalThis, name, { configurable: true, get: () => void asked.push(name) });
}

test("importing it on a server touches no browser global", async () => {
  const { defineMatrixSupportChat } = await import(NAME);
  assert.deepEqual(asked, []);
  await defineMatrixSupportChat();
  await import(`${NAME}/auto`);
  assert.deepEqual(asked, ["customElements", "customElements"]);
  // Vue itself reads them.
  await import("vue");
  const before = asked.length;
  for (const entry of ["vue", "mock", "texts", "svelte"]) await import(`${NAME}/${entry}`);
  assert.equal(asked.length, before);
});

test("everything that package.json names is there", () => {
  const { exports, customElements, license, version } = JSON.parse(read("package.json"));
  const named = Object.values(exports).flatMap((entry) =>
    typeof entry === "string" ? [entry] : Object.values(entry),
  );
  for (const name of [...named, customElements, "README.md", "LICENSE"]) {
    assert.ok(existsSync(new URL(name, directory)), name);
  }
  assert.equal(license, "Apache-2.0");
  assert.match(version, /^\d+\.\d+\.\d+$/);
  assert.notEqual(version, "0.0.0");
});

test("the widget's files are there, and nothing that only its own server needs", () => {
  const names = readdirSync(new URL("widget/", directory), { recursive: true });
  assert.ok(names.includes("matrix-support-chat.js"));
  assert.ok(names.some((name) => name.startsWith("chunks/chat-")));
  assert.deepEqual(
    names.filter((name) => name.endsWith(".br")),
    [],
  );
});

test("a server renders the element with the other way to get in touch in it", async () => {
  const { createSSRApp, h } = await import("vue");
  const { renderToString } = await import("vue/server-renderer");
  const { SupportChat } = await import(`${NAME}/vue`);
  const render = (props) =>
    renderToString(
      createSSRApp({
        render: () => h(SupportChat, { apiUrl: "https://api.example", ...props }, () => h("a", "Write")),
      }),
    );
  const html = await render({ messages: { panel: "Ask us" }, visitorName: "Ada" });
  assert.match(html, /^<matrix-support-chat [^>]*enabled="true"[^>]*><a>Write<\/a><\/matrix-support-chat>$/);
  assert.match(html, / api-url="https:\/\/api.example"/);
  assert.match(html, / visitor-name="Ada"/);
  assert.ok(!html.includes("messages"), html);
  assert.ok(!(await render({ enabled: false })).includes("matrix-support-chat"));
});

test("its mock plays the API", async (context) => {
  const { mockSupportChat } = await import(`${NAME}/mock`);
  const mock = mockSupportChat({ apiUrl: "https://api.example/", reply: (body) => `Re: ${body}` });
  context.after(() => mock.restore());
  const sessions = "https://api.example/v1/support-chat/sessions";
  const post = async (url, body, key) => {
    const headers = { "content-type": "application/json", "idempotency-key": key };
    const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
    return [answer.status, answer.status === 204 ? undefined : await answer.json()];
  };
  const [status, created] = await post(sessions, { initialMessage: "Hello" }, "k1");
  assert.equal(status, 201);
  assert.deepEqual((await post(sessions, { initialMessage: "Hello" }, "k1"))[1], created);
  const messages = `${sessions}/${created.sessionId}/messages`;
  const [, sent] = await post(messages, { body: "More" }, "k2");
  assert.equal((await post(messages, { body: "More" }, "k2"))[1].messageId, sent.messageId);
  const poll = async (after = "") => (await (await fetch(`${messages}${after}`)).json()).messages;
  assert.deepEqual(
    (await poll()).map(({ sender, body }) => [sender, body]),
    [
      ["visitor", "Hello"],
      ["staff", "Re: Hello"],
      ["visitor", "More"],
      ["staff", "Re: More"],
    ],
  );
  mock.reply("Still here");
  assert.deepEqual((await poll(`?after=${sent.messageId}`)).at(-1).body, "Still here");
  mock.fail({ status: 429, code: "rate_limited" });
  assert.equal((await post(messages, { body: "Too much" }, "k3"))[0], 429);
  mock.mend();
  await post(`${sessions}/${created.sessionId}/close`, {}, "k4");
  assert.equal((await fetch(messages)).status, 410);
  assert.equal(mock.requests[0].body.initialMessage, "Hello");
});

test("what its README recommends is what this site does", () => {
  const recipes = [...read("README.md").matchAll(/^`([\w./-]+)`:\n\n```\w+\n(.*?)^```/gms)];
  assert.ok(recipes.length >= 2);
  for (const [, name, code] of recipes) {
    assert.equal(code, readFileSync(new URL(name, import.meta.url), "utf8"), name);
  }
});

// Uses the package in Jest as its README describes.
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { createElement } from "react";
import { renderToString } from "react-dom/server";

import { defineMatrixSupportChat } from "@webdevelop-pro/matrix-support-chat";
import { mockSupportChat } from "@webdevelop-pro/matrix-support-chat/mock";
import { SupportChat } from "@webdevelop-pro/matrix-support-chat/react";
import texts from "@webdevelop-pro/matrix-support-chat/texts";

const apiUrl = "https://chat.example.org";
const sessions = `${apiUrl}/v1/support-chat/sessions`;
let chat;

beforeEach(() => {
  chat = mockSupportChat({ apiUrl, reply: (body) => (body.endsWith("?") ? "Yes!" : undefined) });
});
afterEach(() => chat.restore());

async function ask(method, url, body) {
  const answer = await fetch(url, { method, ...(body && { body: JSON.stringify(body) }) });
  return [answer.status, await answer.json()];
}

test("a page with the chat renders without a browser, and says how else to get in touch", async () => {
  await defineMatrixSupportChat();
  const link = createElement("a", { href: "/support" }, "Write to us");
  const html = renderToString(createElement(SupportChat, { apiUrl, messages: { panel: "Ask us" } }, link));
  expect(html).toContain('<a href="/support">Write to us</a>');
  expect(html).toContain(`api-url="${apiUrl}"`);
  expect(html).not.toContain("object");
  expect(renderToString(createElement(SupportChat, { apiUrl, enabled: false }, link))).toBe("");
  expect(chat.requests).toEqual([]);
});

test("the mock plays the API: a conversation, troubles, and their end", async () => {
  const [status, { sessionId, messageId }] = await ask("POST", sessions, { initialMessage: "Are you there?" });
  expect(status).toBe(201);
  const poll = `${sessions}/${sessionId}/messages`;
  const [, { messages }] = await ask("GET", `${poll}?after=${messageId}`);
  expect(messages.map(({ sender, body }) => [sender, body])).toEqual([["staff", "Yes!"]]);

  chat.reply("Anything else?");
  expect((await ask("GET", poll))[1].messages.at(-1).body).toBe("Anything else?");
  chat.fail({ status: 503, code: "relay_unavailable" });
  expect(await ask("POST", poll, { body: "No" })).toEqual([503, expect.objectContaining({ code: "relay_unavailable" })]);
  chat.fail("unreachable");
  await expect(ask("GET", poll)).rejects.toThrow(TypeError);
  chat.mend();
  expect((await ask("POST", poll, { body: "No" }))[0]).toBe(201);
  expect(chat.requests[0]).toMatchObject({ method: "POST", url: sessions, body: { initialMessage: "Are you there?" } });
});

test("what is not for the API goes where it always went", async () => {
  chat.restore();
  const original = globalThis.fetch;
  const asked = [];
  globalThis.fetch = async (url) => {
    asked.push(String(url));
    return new Response("elsewhere");
  };
  chat = mockSupportChat({ apiUrl });
  expect(await (await fetch("https://elsewhere.example/")).text()).toBe("elsewhere");
  expect(asked).toEqual(["https://elsewhere.example/"]);
  chat.restore();
  globalThis.fetch = original;
});

test("the texts have their keys", () => {
  expect(texts.launcher).toBe("Chat with us");
});

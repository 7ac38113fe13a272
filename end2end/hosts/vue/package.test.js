// The installed package outside browsers: on a server that renders pages, and in editors.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const NAME = "@webdevelop-pro/matrix-support-chat";
const directory = new URL(`./node_modules/${NAME}/`, import.meta.url);
const read = (name) => readFileSync(new URL(name, directory), "utf8");

/** Names that are there in browsers and not on a server, and who asks for them all the same. */
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

test("what its README recommends is what this site does", () => {
  const recipes = [...read("README.md").matchAll(/^`([\w./-]+)`:\n\n```\w+\n(.*?)^```/gms)];
  assert.ok(recipes.length >= 4);
  for (const [, name, code] of recipes) {
    assert.equal(code, readFileSync(new URL(name, import.meta.url), "utf8"), name);
  }
});

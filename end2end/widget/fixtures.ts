import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { expect } from "@playwright/test";

import { test as base } from "../support/engines.ts";
import { type Answer, Exchange } from "../support/exchange.ts";
import { Loopback } from "../support/loopback.ts";
import { API_ORIGIN, ScriptedApi } from "../support/scripted-api.ts";
import { Visitor } from "../support/visitor.ts";

/** The website of the test that is running. */
let current: Host | undefined;

const loopback = await Loopback.serve(async (message, response) => {
  const exchange = await Exchange.of(message, response, HOST_ORIGIN);
  await exchange.fulfill((await current?.answer(exchange.request().url())) ?? { status: 404 });
});
loopback.idle();

/** The origin at which the tests of this worker simulate the website. */
export const HOST_ORIGIN = loopback.origin;

const DIST = fileURLToPath(new URL("../../dist/widget/", import.meta.url));

/**
 * The strictest policy under which the widget promises to work. Every test in this directory uses
 * it.
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  `connect-src ${API_ORIGIN}`,
].join("; ");

/** The defaults of browsers, stated explicitly for axe. */
const PLAIN_STYLE = ":root { background: Canvas; color: CanvasText; }";

export interface HostPage {
  /** The page's language; undefined for none. */
  lang?: string;
  dir?: string;
  title?: string;
  /** More attributes of the element. */
  attributes?: string;
  /** The element's content. */
  content?: string;
  /** Other content of the page. */
  rest?: string;
  /** Further scripts, by name. */
  scripts?: Record<string, string>;
  stylesheet?: string;
  /** More directives of the page's policy. */
  policy?: string;
  /** A pattern of paths that the website answers with 404. */
  refuses?: RegExp;
}

/** A website that has the widget's files on its own origin, and the API elsewhere. */
export class Host {
  #page: HostPage = {};

  /** Creates another website, one for each test. */
  static start(): Host {
    loopback.idle();
    current = new Host();
    return current;
  }

  /** Sets the page from the next visit on. */
  is(page: HostPage): void {
    this.#page = page;
  }

  async answer(url: string): Promise<Answer> {
    const file = await this.#file(new URL(url).pathname).catch(() => undefined);
    if (!file) return { status: 404 };
    const [contentType, body] = file;
    return {
      contentType: `${contentType}; charset=utf-8`,
      headers: { "content-security-policy": [POLICY, this.#page.policy].filter(Boolean).join("; ") },
      body,
    };
  }

  async #file(pathname: string): Promise<[contentType: string, body: string | Buffer]> {
    if (this.#page.refuses?.test(pathname)) throw new Error("refused");
    const script = this.#page.scripts?.[pathname];
    if (script !== undefined) return ["text/javascript", script];
    if (pathname.startsWith("/widget/")) {
      return ["text/javascript", await readFile(DIST + pathname.slice("/widget/".length))];
    }
    if (pathname === "/page.css") return ["text/css", this.#page.stylesheet ?? PLAIN_STYLE];
    if (pathname === "/favicon.ico") throw new Error("none");
    return ["text/html", this.#html()];
  }

  #html(): string {
    const { lang, dir = "ltr", title = "A page", attributes = "", content = "", rest = "" } = this.#page;
    const scripts = Object.keys(this.#page.scripts ?? {});
    return `<!doctype html>
<html${lang === undefined ? "" : ` lang="${lang}"`} dir="${dir}">
  <head>
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>${title}</title>
    <link rel="stylesheet" href="/page.css">
    ${scripts.map((name) => `<script type="module" src="${name}"></script>`).join("")}
    <script type="module" src="/widget/matrix-support-chat.js"></script>
  </head>
  <body>
    <main><h1>${title}</h1>${rest}</main>
    <matrix-support-chat api-url="${API_ORIGIN}" enabled="true" ${attributes}>${content}</matrix-support-chat>
  </body>
</html>`;
  }
}

interface Fixtures {
  host: Host;
  api: ScriptedApi;
  /** Every test also checks that the browser reported no problem. */
  visitor: Visitor;
}

export const test = base.extend<Fixtures>({
  baseURL: HOST_ORIGIN,
  locale: "en-GB",
  timezoneId: "UTC",
  host: async ({}, use) => {
    const host = Host.start();
    host.is({ lang: "en" });
    await use(host);
  },
  api: async ({}, use) => use(ScriptedApi.start()),
  visitor: async ({ page, host: _host, api: _api }, use) => {
    const visitor = await Visitor.at(page);
    await use(visitor);
    expect(visitor.complaints, "what the browser complained of").toEqual([]);
  },
});

export { expect };

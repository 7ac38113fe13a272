import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { Loopback } from "./loopback.ts";

const DIST = fileURLToPath(new URL("../../dist/widget/", import.meta.url));

/** A website over a real network connection, with the widget on every page except `/plain`. */
export class LoopbackSite {
  /** The addresses of the APIs for which each page has an element. */
  readonly apis: string[];
  #loopback: Loopback | undefined;

  private constructor(apis: string[]) {
    this.apis = apis;
  }

  static async start(...apis: string[]): Promise<LoopbackSite> {
    const site = new LoopbackSite(apis);
    site.#loopback = await Loopback.serve((request, response) => {
      const { pathname } = new URL(request.url ?? "/", "http://localhost");
      site.#file(pathname).then(
        ([type, body]) => {
          response.setHeader("content-type", `${type}; charset=utf-8`);
          response.setHeader("content-security-policy", site.#policy());
          response.end(body);
        },
        () => response.writeHead(404).end(),
      );
    });
    return site;
  }

  get origin(): string {
    return this.#loopback?.origin ?? "";
  }

  async close(): Promise<void> {
    await this.#loopback?.close();
  }

  async #file(pathname: string): Promise<[type: string, body: string | Buffer]> {
    if (pathname.startsWith("/widget/")) {
      return ["text/javascript", await readFile(DIST + pathname.slice("/widget/".length))];
    }
    if (pathname === "/favicon.ico") throw new Error("none");
    return ["text/html", pathname === "/plain" ? PLAIN : this.#page()];
  }

  #page(): string {
    const elements = this.apis.map(
      (api) => `<matrix-support-chat api-url="${api}" enabled="true"></matrix-support-chat>`,
    );
    return `<!doctype html>
<html lang="en">
  <head>
    <title>A page</title>
    <script type="module" src="/widget/matrix-support-chat.js"></script>
  </head>
  <body><a href="/next">Next page</a>${elements.join("")}</body>
</html>`;
  }

  #policy(): string {
    return [
      "default-src 'none'",
      "script-src 'self' 'wasm-unsafe-eval'",
      `connect-src ${this.apis.join(" ")}`,
    ].join("; ");
  }
}

const PLAIN = '<!doctype html><html lang="en"><title>A page without a chat</title></html>';

import { randomBytes } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { brotliCompressSync } from "node:zlib";

const ROOT = new URL("../../", import.meta.url);
const WIDGET = new URL("dist/widget/", ROOT);

/** A site with the widget at `/widget/` and a minimal script at `/minimal/`. */
export class Site {
  readonly #server: Server;
  readonly #files = new Map<string, [contentType: string, brotli: Buffer]>();
  /** A request, and the size of its answer on the wire. */
  readonly served: [path: string, bytes: number][] = [];

  private constructor() {
    this.#server = createServer((request, response) => {
      const path = request.url ?? "";
      const [contentType, body] = this.#files.get(path) ?? [];
      if (!contentType || !body) return response.writeHead(404).end();
      this.served.push([path, body.length]);
      return response
        .writeHead(200, {
          "content-type": `${contentType}; charset=utf-8`,
          "content-encoding": "br",
          "content-length": body.length,
        })
        .end(body);
    });
  }

  /** Serves the widget as it was built. */
  static async start(): Promise<Site> {
    const site = new Site();
    site.#addPage("/widget/", "matrix-support-chat.js");
    for (const name of await readdir(WIDGET, { recursive: true })) {
      if (!name.endsWith(".js.br")) continue;
      const path = `/widget/${name.replace(/\.br$/, "")}`;
      site.#files.set(path, ["text/javascript", await readFile(new URL(name, WIDGET))]);
    }
    await new Promise<void>((done) => site.#server.listen(0, "127.0.0.1", done));
    return site;
  }

  /** Adds the minimal page, whose scripts are padded to the size of the widget's. */
  async addMinimal(loader: number, panel: number): Promise<void> {
    const css = async (name: string): Promise<string> =>
      JSON.stringify(await readFile(new URL(`style/${name}.css`, ROOT), "utf8"));
    const script = async (name: string, constant: string, style: string, bytes: number): Promise<void> => {
      const source = await readFile(new URL(`minimal/${name}.js`, import.meta.url), "utf8");
      const text = `const ${constant} = ${await css(style)};\n${source}`;
      this.#files.set(`/minimal/${name}.js`, ["text/javascript", padded(text, bytes)]);
    };
    this.#addPage("/minimal/", "loader.js");
    await script("loader", "LAUNCHER_CSS", "launcher", loader);
    await script("panel", "WIDGET_CSS", "widget", panel);
  }

  url(path: string): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}${path}`;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #addPage(path: string, script: string): void {
    const html = `<!doctype html>
<html lang="en">
  <head>
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>A page</title>
    <link rel="icon" href="data:,">
    <script type="module" src="${path}${script}"></script>
  </head>
  <body>
    <main><h1>A page</h1></main>
    <matrix-support-chat api-url="https://api.example" enabled="true"></matrix-support-chat>
  </body>
</html>`;
    this.#files.set(path, ["text/html", brotliCompressSync(html)]);
  }
}

/**
 * The script, compressed, with an incompressible comment that pads it to the wanted size if it is
 * smaller.
 */
function padded(script: string, bytes: number): Buffer {
  const noise = randomBytes(bytes).toString("base64");
  const compress = (length: number): Buffer =>
    brotliCompressSync(length > 0 ? `${script}\n//${noise.slice(0, length)}` : script);
  let [low, high] = [0, noise.length];
  while (high - low > 8) {
    const middle = (low + high) >> 1;
    if (compress(middle).length < bytes) low = middle;
    else high = middle;
  }
  return compress(low);
}

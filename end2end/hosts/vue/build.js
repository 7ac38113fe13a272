// `node build.js [DIRECTORY]` builds the site and renders each of its pages.
import { readFile, mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { pathToFileURL } from "node:url";

import { build } from "vite";

const PAGES = { "/": "index.html", "/about": "about/index.html" };

const site = resolve(process.argv[2] ?? "dist/site");
const renderer = `${site}-renderer`;
await build({ logLevel: "warn", build: { outDir: site, emptyOutDir: true } });
await build({ logLevel: "warn", build: { ssr: "src/entry-server.ts", outDir: renderer } });

const { render } = await import(pathToFileURL(resolve(renderer, "entry-server.js")));
const template = await readFile(resolve(site, "index.html"), "utf8");
for (const [path, file] of Object.entries(PAGES)) {
  const html = await render(path);
  const page = resolve(site, file);
  await mkdir(dirname(page), { recursive: true });
  await writeFile(
    page,
    template.replace("<!--app-->", () => html),
  );
}
await rm(renderer, { recursive: true });

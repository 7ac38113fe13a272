// Turns esbuild's output into the files that browsers load.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, relative } from "node:path";

// The package's promise for ES modules fetches a file, which does not work in Node.js. Node.js's
// own Brotli compresses the chat 130 bytes worse.
const brotli = createRequire(import.meta.url)("brotli-wasm");

/** The one file with a fixed name, which pages load. */
export const LOADER = "matrix-support-chat.js";

/** A placeholder for the hash of the chunks until they exist. */
export const HASH = "CHUNKHASH";

/** What the launcher fetches, by the names that it puts together: a list of all would be 40 bytes of what every page loads. */
export const PARTS = {
  chat: "chat.js",
  visit: "visit.js",
  ...Object.fromEntries(["ar", "de", "en", "es", "fr", "uk"].map((it) => [it, `locales/${it}.js`])),
};

/** Stands in for where the parts are: what is no address esbuild leaves alone. */
export const CHUNKS = "CHUNKS/";

/** The launcher with a list of its parts, which bundlers understand. */
export function spellOut(launcher) {
  const together = /(\w+)=>import\(`\.\/chunks\/\$\{\1\}(-\w+\.js)`\)/;
  if (!together.test(launcher)) throw new Error("the launcher fetches its parts in another way");
  return launcher.replace(together, (_, name, end) => {
    const parts = Object.keys(PARTS).map((it) => `${it}:()=>import("./chunks/${it}${end}")`);
    return `${name}=>({${parts.join(",")}})[${name}]()`;
  });
}

export const read = (path) => readFileSync(path, "utf8");

/** Returns every file under a directory, sorted. */
export const walk = (directory) =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();

/**
 * Names all chunks by one hash over all of them. The loader names every chunk, and has no room for
 * a hash of each; a repeated hash compresses to almost nothing. `change` is applied to each script
 * first.
 */
export function nameChunks(staging, change = (script) => script) {
  const scripts = walk(staging).map((path) => [path, change(read(path))]);
  const digest = createHash("sha256");
  for (const [, script] of scripts) digest.update(script);
  const hash = digest.digest("hex").slice(0, 10);
  for (const [path, script] of scripts) {
    rmSync(path);
    writeFileSync(path.replace(HASH, hash), script.replaceAll(HASH, hash));
  }
}

/**
 * Writes the `integrity` values of the scripts: the loader's for the page's script tag, and the
 * chunks' for an import map.
 */
export function writeIntegrity(staging) {
  const integrity = {};
  for (const path of walk(staging)) {
    const digest = createHash("sha384").update(readFileSync(path)).digest("base64");
    integrity[relative(staging, path)] = `sha384-${digest}`;
  }
  writeFileSync(join(staging, "integrity.json"), `${JSON.stringify(integrity, null, 2)}\n`);
}

export const compress = (content) => brotli.compress(Buffer.from(content), { quality: 11 });

/** Writes a compressed copy beside every file. */
export function compressAll(staging) {
  for (const path of walk(staging)) writeFileSync(`${path}.br`, compress(readFileSync(path)));
}

// Trunk's post-build hook. It turns Trunk's output into the files that browsers load: a small
// script, the chunks that it fetches, and a compressed copy of each file.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { buildSync, transformSync } from "esbuild";
import { minify_sync as minify } from "terser";

import { CHUNKS, compressAll, HASH, LOADER, nameChunks, PARTS, read, writeIntegrity } from "./chunks.js";
import { slim } from "./glue.js";
import { asText, MASK, rename, SHRINK, STRIP, wasmOpt } from "./wasm.js";

// A placeholder for the WASM's text. If esbuild saw the text, it would write it in a longer form.
const WASM = "WASM_AS_TEXT";

// Names that wasm-bindgen's JavaScript takes from the browser, and that the widget provides itself.
const OURS = 'import { fetch, woken } from "./http.js";\n';

const widget = join(import.meta.dirname, "..");
const staging = process.env.TRUNK_STAGING_DIR;
if (!staging) throw new Error("Trunk calls this script: run `trunk build --release`");

const work = mkdtempSync(join(tmpdir(), "widget-"));
process.on("exit", () => rmSync(work, { recursive: true }));
const write = (name, content) => writeFileSync(join(work, name), content);

cpSync(join(widget, "js"), work, { recursive: true });
cpSync(join(widget, "locales"), join(work, "locales"), { recursive: true });
// Without this file, esbuild would search the parent directories for its settings.
write("package.json", '{"type":"module"}');

const wasm = join(work, "widget.wasm");
wasmOpt(join(staging, "widget-wasm_bg.wasm"), wasm, [...SHRINK, ...STRIP]);
// WASM and JavaScript know each other's functions by hundreds of hashes. Both get short names
// instead.
const names = JSON.parse(wasmOpt(wasm, wasm, ["--minify-imports-and-exports-and-modules"]));
const glue = rename(slim(read(join(staging, "widget-wasm.js"))), names);
write("widget-wasm.js", `${OURS}${glue}`);
write("wasm.js", `export const mask = ${MASK};\nexport const masked = "${WASM}";\n`);

for (const name of ["launcher.css", "widget.css", "offers.css", "greeting.css"]) {
  const css = read(join(widget, "../style", name));
  const minified = transformSync(css, { loader: "css", minify: true, charset: "utf8" });
  // esbuild keeps this space, because a custom property might begin with it.
  const code = minified.code.replace(/(var\([a-z-]+,) /g, "$1");
  // The line break alone would cost every page 3 bytes.
  write(name, name === "launcher.css" ? code.trimEnd() : code);
}

/** Terser still shortens esbuild's output by 1 %. */
function smaller(script) {
  const compress = { ecma: 2022, passes: 4, unsafe_arrows: true };
  return minify(script, { module: true, ecma: 2022, compress }).code;
}

rmSync(staging, { recursive: true });
mkdirSync(staging);
buildSync({
  absWorkingDir: work,
  entryPoints: {
    [LOADER.replace(/\.js$/, "")]: LOADER,
    ...Object.fromEntries(Object.entries(PARTS).map(([name, file]) => [`chunks/${name}-${HASH}`, file])),
  },
  nodePaths: [join(import.meta.dirname, "node_modules")],
  bundle: true,
  splitting: true,
  minify: true,
  format: "esm",
  charset: "utf8",
  loader: { ".css": "text" },
  chunkNames: `chunks/[name]-${HASH}`,
  outdir: staging,
});
let places = 0;
nameChunks(staging, (script) =>
  smaller(script.replace(CHUNKS, "./chunks/")).replaceAll(`"${WASM}"`, () => {
    places++;
    return asText(readFileSync(wasm));
  }),
);
if (places !== 1) throw new Error(`esbuild left ${places} places for the WASM, not one`);
writeIntegrity(staging);
compressAll(staging);

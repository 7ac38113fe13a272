import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";

import { checkBudget, checkSizes, loaderSize, PROMISE, RESETS } from "./budget.js";
import { compress, HASH, LOADER, nameChunks, PARTS, read, spellOut, walk, writeIntegrity } from "./chunks.js";
import { slim, SPARED } from "./glue.js";
import { typesOf } from "./types.js";
import { asText, byCrate, crateOf, functionSizes, MASK, rename } from "./wasm.js";

/** Writes files into a directory that is removed after the test. */
function directory(t, files) {
  const path = mkdtempSync(join(tmpdir(), "widget-test-"));
  t.after(() => rmSync(path, { recursive: true }));
  mkdirSync(join(path, "chunks"));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(path, name), content);
  return path;
}

test("functions get their short names wherever they are used", () => {
  const script = `
    imports = { "./widget-wasm_bg.js": { __wbg_send_12: () => wasm.memory } };
    wasm.widget_new(memory, wasm.memory.buffer, wasm_bindgen);`;
  const names = {
    imports: [["./widget-wasm_bg.js", "__wbg_send_12", "$"]],
    exports: [
      ["memory", "aa"],
      ["widget_new", "ba"],
    ],
  };
  assert.equal(
    rename(script, names),
    `
    imports = { "a": { $: () => wasm.aa } };
    wasm.ba(memory, wasm.aa.buffer, wasm_bindgen);`,
  );
  assert.throws(() => rename("", { imports: [["./other.js", "f", "$"]], exports: [] }), /elsewhere/);
});

test("what the widget does without goes, the rest stays, and another JavaScript is refused", () => {
  const whole = SPARED.map(([times, part]) => `${part.repeat(times)}kept;`).join("");
  const rest = slim(whole);
  assert.equal(rest.split("kept;").length - 1, SPARED.length);
  assert.doesNotMatch(rest, /FinalizationRegistry|encodeInto|console\.warn/);
  assert.throws(() => slim(whole.replaceAll("encodeInto", "encodeAll")), /has not 1 times/);
  assert.throws(() => slim(""), /has not/);
});

test("the text holds every byte", () => {
  const every = Array.from({ length: 256 }, (_, byte) => byte);
  // The second part looks like an interpolation in a template literal.
  const bytes = Buffer.from([...every, ...Buffer.from("\x001`${}\\`\r\n$${")]);
  const text = asText(bytes.map((byte) => byte ^ MASK));
  assert.doesNotMatch(text, /\0|\r/);
  assert.deepEqual(Buffer.from((0, eval)(text), "latin1"), bytes);
});

test("chunks have a name that no other content gets", (t) => {
  const [one, again, other] = ["one", "one", "other"].map((text) => {
    const chunk = `chunks/de-${HASH}.js`;
    const staging = directory(t, { [chunk]: text, [LOADER]: `import('./${chunk}')` });
    nameChunks(staging);
    const name = read(join(staging, LOADER)).split("'")[1];
    assert.equal(read(join(staging, name)), text);
    assert.equal(walk(staging).length, 2);
    return name;
  });
  assert.equal(one, again);
  assert.notEqual(one, other);
});

test("bundlers find every part of the launcher", () => {
  const launcher = spellOut("var t=e=>import(`./chunks/${e}-0123456789.js`);t(`de`)");
  for (const name of Object.keys(PARTS)) assert.ok(launcher.includes(`import("./chunks/${name}-0123456789.js")`), name);
  assert.equal(launcher.split("import(").length - 1, Object.keys(PARTS).length);
  assert.match(launcher, /^var t=e=>\(\{.*\}\)\[e\]\(\);t\(`de`\)$/);
  assert.throws(() => spellOut('import("./chunks/de-0123456789.js")'), /another way/);
});

test("every script has its integrity", (t) => {
  const staging = directory(t, { "chunks/de.js": "" });
  writeIntegrity(staging);
  assert.deepEqual(JSON.parse(read(join(staging, "integrity.json"))), {
    "chunks/de.js": "sha384-OLBgp1GsljhM2TJ+sbHjaiH9txEUvgdDTAzHv2P24donTt6/529l+9Ua0vFImLlb",
  });
});

test("compressed copies hold the same", () => {
  const { brotliDecompressSync } = createRequire(import.meta.url)("node:zlib");
  const content = Buffer.alloc(1000, 7);
  const packed = compress(content);
  assert.ok(packed.length < 100);
  assert.deepEqual(brotliDecompressSync(packed), content);
});

test("the hash of the chunks does not count", () => {
  const size = (hash) => loaderSize(`import('./chunks/de-${hash}.js')`, hash);
  assert.equal(size("adf8744512"), size("7903313542"));
});

test("a widget over its budget is refused", () => {
  const budget = { loader: 100, opening: 1000 };
  checkSizes(budget, budget);
  for (const sizes of [{ loader: 101, opening: 1 }, { loader: 1, opening: 1001 }, {}])
    assert.throws(() => checkSizes(sizes, budget), /may cost/);
});

test("a budget that was raised is refused", () => {
  const past = [
    { loader: 100, opening: 900 },
    { loader: 110, opening: 1000 },
  ];
  checkBudget({ loader: 100, opening: 900 }, past);
  checkBudget({ loader: 99, opening: 800 }, past);
  for (const raised of [{ loader: 101, opening: 800 }, { loader: 90, opening: 901 }])
    assert.throws(() => checkBudget(raised, past), /may only go down/);
});

test("the budget keeps the promise, and binds later ones", () => {
  const budget = JSON.parse(readFileSync(join(import.meta.dirname, "../size-budget.json")));
  checkSizes(budget, PROMISE);
  assert.equal(budget.resets, RESETS);
});

test("functions belong to crates", () => {
  for (const [name, owner] of [
    ["widget_wasm::view::View::fit::h571b", "widget_wasm"],
    ["<widget_wasm::json::Fields as serde_core::de::MapAccess>::next", "widget_wasm"],
    ["core[c5930c85a12de822]::str::count", "core"],
    ["<alloc[3ca501]::string::String>::push", "alloc"],
    ["widget_setOpen", "(no crate)"],
    ["<[u8]>::to_vec_in::<alloc[7e41]::alloc::Global>", "(no crate)"],
  ])
    assert.equal(crateOf(name), owner, name);
  const sizes = byCrate([
    ["a::b", 1],
    ["b::c", 3],
    ["a::d", 4],
  ]);
  assert.deepEqual(sizes, [
    ["a", 5],
    ["b", 3],
  ]);
});

test("functions have their sizes", () => {
  // The body of a function named "f": no local variables, then "end".
  const module = "0061736d01000000 010401600000 03020100 0a040102000b 000b046e616d6501040100 0166";
  assert.deepEqual(functionSizes(Buffer.from(module.replaceAll(" ", ""), "hex")), [["f", 2]]);
  assert.throws(() => functionSizes(Buffer.from("<html>")));
});

test("the types have the keys of the texts", () => {
  const types = typesOf({ launcher: "Chat: with us", more: "Long" });
  assert.ok(types.includes('/** "Chat: with us" */\n  readonly launcher: string;\n'), types);
  assert.ok(types.includes('/** "Long" */\n  readonly more: string;\n};'), types);
});

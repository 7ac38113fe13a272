// Makes the compiled widget small, and writes it as text. As text it is part of a script, so a
// page's Content-Security-Policy does not have to allow fetching it.
import { execFileSync } from "node:child_process";
import { join } from "node:path";

// The WebAssembly features that the compiler's output uses. The oldest supported browsers have all
// of them.
const FEATURES = [
  "bulk-memory",
  "bulk-memory-opt",
  "multivalue",
  "mutable-globals",
  "nontrapping-float-to-int",
  "reference-types",
  "sign-ext",
].map((feature) => `--enable-${feature}`);

/**
 * The passes of wasm-opt that give the smallest result. They rebuild the control flow from a flat
 * form and run an analysis of the whole program (`gufa`) between two rounds, which saves 1 % over
 * one round. Inlining less than by default saves another 1 %. (Rust puts the stack at the lowest
 * addresses and lets it grow down towards zero, so the first kilobyte is unused.)
 */
export const SHRINK = [
  ..."-O2 --flatten --rereloop -Oz --gufa-optimizing -Oz --converge".split(" "),
  "--one-caller-inline-max-function-size=25",
  "--always-inline-max-function-size=3",
  "--low-memory-unused",
];

export const STRIP = ["--strip-debug", "--strip-producers", "--strip-target-features"];

/** Runs wasm-opt, and returns its output. */
export function wasmOpt(from, to, options) {
  const program = join(import.meta.dirname, "node_modules/.bin/wasm-opt");
  return execFileSync(program, [from, "-o", to, ...FEATURES, ...options], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
}

const MODULE = "./widget-wasm_bg.js";

/**
 * Gives wasm-bindgen's JavaScript the names that wasm-opt has chosen. `imports` are triples of
 * module, old name and new name; `exports` are pairs. The script uses exports as `wasm.name` and
 * defines imports as `name`.
 */
export function rename(script, { imports, exports }) {
  const foreign = imports.find(([module]) => module !== MODULE);
  if (foreign) throw new Error(`wasm-opt names an import from elsewhere: ${foreign}`);
  const imported = new Map(imports.map(([, old, short]) => [old, short]));
  const exported = new Map(exports);
  const renamed = script.replace(/(\bwasm\.)?([\w$]+)/g, (all, owner, name) =>
    owner ? owner + (exported.get(name) ?? name) : (imported.get(name) ?? name),
  );
  // wasm-opt gives every module this name.
  return renamed.replaceAll(MODULE, "a");
}

/**
 * Each byte of the WASM is combined with this one by exclusive or before it becomes a character.
 * That makes the characters rare that a JavaScript string has to escape, and saves a kilobyte.
 */
export const MASK = 75;

const ESCAPES = { "\0": "\\0", "\r": "\\r", "`": "\\`", "\\": "\\\\", $: "\\$" };

/**
 * Writes bytes as a template literal, in which most characters need no escape. (NUL and CR would
 * need none either, but some tools change them.)
 */
export function asText(bytes) {
  const text = Buffer.from(bytes.map((byte) => byte ^ MASK)).toString("latin1");
  const escaped = text.replace(/\0(?=\d)|[\0\r`\\]|\$(?=\{)/g, (char, at) =>
    char === "\0" && /\d/.test(text[at + 1]) ? "\\x00" : ESCAPES[char],
  );
  return `\`${escaped}\``;
}

/** Returns the functions of a module with their sizes, largest first. */
export function functionSizes(bytes) {
  const module = new WebAssembly.Module(bytes);
  const imported = WebAssembly.Module.imports(module).filter(({ kind }) => kind === "function").length;
  const names = new Map();
  const sizes = [];
  const [nameSection] = WebAssembly.Module.customSections(module, "name");
  if (nameSection) {
    const section = reader(new Uint8Array(nameSection));
    while (!section.atEnd()) {
      const part = section.number() === 1 ? reader(section.block()) : void section.block();
      for (let count = part?.number() ?? 0; count > 0; count--)
        names.set(part.number(), new TextDecoder().decode(part.block()));
    }
  }
  const sections = reader(bytes.subarray(8));
  while (!sections.atEnd()) {
    const code = sections.number() === 10 ? reader(sections.block()) : void sections.block();
    for (let count = code?.number() ?? 0; count > 0; count--) sizes.push(code.block().length);
  }
  return sizes
    .map((size, index) => [names.get(imported + index) ?? "", size])
    .sort(([, one], [, other]) => other - one);
}

/** Reads WebAssembly's integers, and byte vectors with a length prefix. */
function reader(bytes) {
  let at = 0;
  const number = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
  };
  const block = () => {
    const length = number();
    at += length;
    return bytes.subarray(at - length, at);
  };
  return { number, block, atEnd: () => at >= bytes.length };
}

/** Returns the crate in a function's name: the first component of its path, without a hash. */
export const crateOf = (name) =>
  (name.includes("::") && name.split("::")[0].match(/(\w+)(?:\[\w+\])?$/)?.[1]) || "(no crate)";

/** Returns the crates with the total size of their functions, largest first. */
export function byCrate(functions) {
  const sizes = new Map();
  for (const [name, size] of functions) {
    const crate = crateOf(name);
    sizes.set(crate, (sizes.get(crate) ?? 0) + size);
  }
  return [...sizes].sort(([, one], [, other]) => other - one);
}

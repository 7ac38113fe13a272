// The compiled widget: made small, and written as text. As text, a page's Content-Security-Policy need not allow a
// fetch for it.
import { execFileSync } from "node:child_process";
import { join } from "node:path";

// The features that the compiler's WASM uses. The oldest supported browsers have all of them.
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
 * How wasm-opt makes it as small as it can: it makes the control flow again from a flat form, and uses what only a
 * look at the whole program shows (`gufa`) between two rounds. That is 1 % less than one round gives, and inlining less
 * than it does by itself saves another 1 %. (Rust puts the stack at the lowest addresses, and lets it grow down to them:
 * the first kilobyte is not used.)
 */
export const SHRINK = [
  ..."-O2 --flatten --rereloop -Oz --gufa-optimizing -Oz --converge".split(" "),
  "--one-caller-inline-max-function-size=25",
  "--always-inline-max-function-size=3",
  "--low-memory-unused",
];

export const STRIP = ["--strip-debug", "--strip-producers", "--strip-target-features"];

/** Runs wasm-opt, and returns what it prints. */
export function wasmOpt(from, to, options) {
  const program = join(import.meta.dirname, "node_modules/.bin/wasm-opt");
  return execFileSync(program, [from, "-o", to, ...FEATURES, ...options], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
}

const MODULE = "./widget-wasm_bg.js";

/**
 * Gives wasm-bindgen's JavaScript the names that wasm-opt chose: `imports` are triples of module, old and new name,
 * `exports` pairs. The script uses exports as `wasm.name`, and defines imports as `name`.
 */
export function rename(script, { imports, exports }) {
  const foreign = imports.find(([module]) => module !== MODULE);
  if (foreign) throw new Error(`wasm-opt names an import from elsewhere: ${foreign}`);
  const imported = new Map(imports.map(([, old, short]) => [old, short]));
  const exported = new Map(exports);
  const renamed = script.replace(/(\bwasm\.)?([\w$]+)/g, (all, owner, name) =>
    owner ? owner + (exported.get(name) ?? name) : (imported.get(name) ?? name),
  );
  // wasm-opt calls every module this.
  return renamed.replaceAll(MODULE, "a");
}

/**
 * Each byte of the WASM is combined with this one (exclusive or) before it becomes a character. That makes rare the
 * characters that a JavaScript string has to escape, which saves a kilobyte.
 */
export const MASK = 75;

const ESCAPES = { "\0": "\\0", "\r": "\\r", "`": "\\`", "\\": "\\\\", $: "\\$" };

/**
 * Writes bytes as a template literal, in which most characters stand for themselves. (NUL and CR would too, but some
 * tools change them.)
 */
export function asText(bytes) {
  const text = Buffer.from(bytes.map((byte) => byte ^ MASK)).toString("latin1");
  const escaped = text.replace(/\0(?=\d)|[\0\r`\\]|\$(?=\{)/g, (char, at) =>
    char === "\0" && /\d/.test(text[at + 1]) ? "\\x00" : ESCAPES[char],
  );
  return `\`${escaped}\``;
}

/** The functions of a module with their sizes, the largest first. */
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

/** Reads WebAssembly's numbers, and blocks of bytes that begin with their length. */
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

/** The crate in a function's name: the first path in it, which may have a hash behind it. */
export const crateOf = (name) =>
  (name.includes("::") && name.split("::")[0].match(/(\w+)(?:\[\w+\])?$/)?.[1]) || "(no crate)";

/** Crates with the sizes of their functions, the largest first. */
export function byCrate(functions) {
  const sizes = new Map();
  for (const [name, size] of functions) {
    const crate = crateOf(name);
    sizes.set(crate, (sizes.get(crate) ?? 0) + size);
  }
  return [...sizes].sort(([, one], [, other]) => other - one);
}

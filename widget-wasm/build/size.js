// Reports the size of the built widget: `size.js budget | check [--promise] | report WASM`.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { argv } from "node:process";

import { checkBudget, checkSizes, loaderSize, pastBudgets, PROMISE } from "./budget.js";
import { LOADER, read } from "./chunks.js";
import { byCrate, functionSizes, SHRINK, wasmOpt } from "./wasm.js";

const root = join(import.meta.dirname, "../..");
const budget = JSON.parse(read(join(root, "widget-wasm/size-budget.json")));

/**
 * The files that a visitor's browser fetches at first, and when the visitor opens the chat, with
 * the largest locale.
 */
function measure() {
  const dist = join(root, "dist/widget");
  const files = readdirSync(join(dist, "chunks")).filter((name) => name.endsWith(".js.br"));
  const size = (name) => statSync(join(dist, "chunks", name)).size;
  const chat = files.find((name) => name.startsWith("chat-"));
  const hash = chat.slice("chat-".length, -".js.br".length);
  const locales = files.filter((name) => /^..-/.test(name)).map(size);
  return {
    loader: loaderSize(read(join(dist, LOADER)), hash),
    opening: size(chat) + Math.max(...locales),
  };
}

/** Lists the crates from which the bytes of the WebAssembly come. */
function report(built) {
  const work = mkdtempSync(join(tmpdir(), "widget-"));
  const named = join(work, "named.wasm");
  wasmOpt(built, named, [...SHRINK, "-g"]);
  const wasm = readFileSync(named);
  rmSync(work, { recursive: true });
  const functions = functionSizes(wasm);
  const code = functions.reduce((sum, [, size]) => sum + size, 0);
  const print = ([name, size]) => console.log(String(size).padStart(8), "", name);
  console.log(`WebAssembly, before compression: ${wasm.length} bytes, ${code} of them code. By crate:`);
  byCrate(functions).forEach(print);
  console.log("\nThe largest functions, with what the compiler has put into them:");
  functions.slice(0, 15).forEach(print);
}

const [, , command, argument] = argv;
if (command === "budget") {
  const past = pastBudgets(root);
  console.log(`the widget's budget: no more than in ${past.length} commits before`);
  checkBudget(budget, past);
} else if (command === "report") {
  report(argument);
} else {
  const sizes = measure();
  console.log(`the script that a page loads: ${sizes.loader} bytes, opening the chat: ${sizes.opening} bytes (brotli)`);
  checkSizes(sizes, argument === "--promise" ? PROMISE : budget);
}

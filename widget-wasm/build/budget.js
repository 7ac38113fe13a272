// What the widget may weigh.
import { execFileSync } from "node:child_process";

import { compress } from "./chunks.js";

const FILE = "widget-wasm/size-budget.json";

/** What the project promises. */
export const PROMISE = { loader: 1_331, opening: 36_864 };

/**
 * How often the budget was set to more than before: when the widget began to keep what was typed, when it learned of
 * links, other tabs and replies that nobody waits for, and when it learned of reading and typing. Budgets from before
 * the last time do not bind.
 */
export const RESETS = 3;

const git = (root, ...args) => {
  try {
    return execFileSync("git", args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  } catch {
    return "";
  }
};

/** The budgets that still bind, of all commits that the clone reaches back to. */
export const pastBudgets = (root) =>
  git(root, "log", "--format=%H", "--", FILE)
    .split("\n")
    .map((commit) => commit && git(root, "show", `${commit}:${FILE}`))
    .filter(Boolean)
    .map(JSON.parse)
    .filter((budget) => budget.resets === RESETS);

/** Fails when a budget is more than it was. */
export function checkBudget(budget, past) {
  const less = past.find((was) => was.loader < budget.loader || was.opening < budget.opening);
  if (less) throw new Error(`${FILE} may only go down, and was ${JSON.stringify(less)}`);
}

/** Fails when a widget is larger than it may be. */
export function checkSizes(sizes, budget) {
  for (const [name, what] of [
    ["loader", "the script that a page loads"],
    ["opening", "opening the chat"],
  ]) {
    if (!(sizes[name] <= budget[name]))
      throw new Error(`${what} costs ${sizes[name]} bytes compressed, and may cost ${budget[name]} (${FILE})`);
  }
}

/**
 * The compressed size of the script that a page loads. The script names the chunks by their hash, and some hashes
 * compress to a few bytes more than others; so it is measured with the same one each time.
 */
export const loaderSize = (script, hash) => compress(script.replaceAll(hash, "0123456789")).length;

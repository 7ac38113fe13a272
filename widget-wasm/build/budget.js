// Checks the widget's size against its budget.
import { execFileSync } from "node:child_process";

import { compress } from "./chunks.js";

const FILE = "widget-wasm/size-budget.json";

/** The sizes that the project promises. */
export const PROMISE = { loader: 1_331, opening: 36_864 };

/**
 * How often a budget was raised: when the widget began to keep what was typed; when it began to
 * handle links, several tabs and unread replies; and when it began to show read receipts and
 * typing. Budgets from before the last of these no longer apply.
 */
export const RESETS = 3;

const git = (root, ...args) => {
  try {
    return execFileSync("git", args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  } catch {
    return "";
  }
};

/** Returns the budgets that still apply, from all commits that the clone contains. */
export const pastBudgets = (root) =>
  git(root, "log", "--format=%H", "--", FILE)
    .split("\n")
    .map((commit) => commit && git(root, "show", `${commit}:${FILE}`))
    .filter(Boolean)
    .map(JSON.parse)
    .filter((budget) => budget.resets === RESETS);

/** Fails if a budget is higher than an earlier one. */
export function checkBudget(budget, past) {
  const less = past.find((was) => was.loader < budget.loader || was.opening < budget.opening);
  if (less) throw new Error(`${FILE} may only go down, and was ${JSON.stringify(less)}`);
}

/** Fails if a widget exceeds its budget. */
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
 * The compressed size of the script that a page loads. The script contains the hash of the chunks,
 * and some hashes compress a few bytes worse than others, so it is measured with a constant hash.
 */
export const loaderSize = (script, hash) => compress(script.replaceAll(hash, "0123456789")).length;

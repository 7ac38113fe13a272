import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { environment } from "./environment.ts";

const run = promisify(execFile);

/** The homeserver as a process that a test can kill. */
export const homeserver = {
  /** Kills it, and waits until it has ended. */
  stop: async () => {
    await run(environment.partsControl(), ["synapse", "stop"]);
  },
  /** Starts it, and waits until it answers requests. */
  start: async () => {
    await run(environment.partsControl(), ["synapse", "start"]);
  },
};

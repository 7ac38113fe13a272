import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { environment } from "./environment.ts";

const run = promisify(execFile);

/** The homeserver as a process that can die. */
export const homeserver = {
  /** Kills it; answers when it is gone. */
  stop: async () => {
    await run(environment.partsControl(), ["synapse", "stop"]);
  },
  /** Starts it; answers when it serves. */
  start: async () => {
    await run(environment.partsControl(), ["synapse", "start"]);
  },
};

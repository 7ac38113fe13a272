import { once } from "node:events";
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

import { expect, test as base } from "../../fixtures.ts";
import { environment } from "../../support/environment.ts";

const SITE = fileURLToPath(new URL("../../hosts/vue", import.meta.url));

/** Serves the Vue site with Vite's development server, as `npm run dev` does. */
const test = base.extend<{ developing: void }>({
  baseURL: environment.hostUrl(),
  developing: [
    async ({}, use) => {
      const { port } = new URL(environment.hostUrl());
      const vite = spawn(
        process.execPath,
        // Vite's cache may contain an earlier package with the same version.
        ["node_modules/vite/bin/vite.js", "--port", port, "--strictPort", "--force"],
        {
          cwd: SITE,
          env: {
            ...process.env,
            VITE_MATRIX_CHAT_ENABLED: "true",
            VITE_MATRIX_CHAT_API_URL: environment.baseUrl(),
          },
          stdio: ["ignore", "ignore", "inherit"],
        },
      );
      const isServing = () =>
        fetch(environment.hostUrl()).then(
          (answer) => answer.ok,
          () => false,
        );
      try {
        await expect.poll(isServing, { message: "Vite serves", timeout: 30_000 }).toBe(true);
        await use();
      } finally {
        const ended = once(vite, "exit");
        if (vite.kill()) await ended;
      }
    },
    { auto: true },
  ],
});

test("in development, Vite finds the package's files without being told", async ({
  visitor,
  alice,
}) => {
  await visitor.beginConversation("Hello from a developer's machine");
  await alice.acceptInvite();
});

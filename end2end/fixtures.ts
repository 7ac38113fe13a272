import { expect } from "@playwright/test";
import type { MatrixClient } from "matrix-js-sdk";

import { Archive } from "./support/archive.ts";
import { test as base } from "./support/engines.ts";
import { loginOf, type Person } from "./support/log-in-staff.ts";
import { Staff, startClient } from "./support/staff.ts";
import { Visitor } from "./support/visitor.ts";

interface Fixtures {
  /** A person at a browser. Every test also checks that the browser reported no problem. */
  visitor: Visitor;
  /** The two members of the staff, each with a Matrix app. */
  alice: Staff;
  bob: Staff;
  /** The support rooms in full, for what no member of the staff can see. */
  archive: Archive;
}

interface WorkerFixtures {
  aliceClient: MatrixClient;
  bobClient: MatrixClient;
}

/** A Matrix client that runs as long as the worker. */
async function running(person: Person, use: (client: MatrixClient) => Promise<void>) {
  const client = await startClient(loginOf(person));
  await use(client);
  client.stopClient();
}

export const test = base.extend<Fixtures, WorkerFixtures>({
  aliceClient: [({}, use) => running("alice", use), { scope: "worker" }],
  bobClient: [({}, use) => running("bob", use), { scope: "worker" }],

  alice: async ({ aliceClient }, use) => use(await Staff.arriving(aliceClient)),
  bob: async ({ bobClient }, use) => use(await Staff.arriving(bobClient)),
  archive: async ({}, use) => use(new Archive(loginOf("bot"))),

  visitor: async ({ page }, use) => {
    const visitor = await Visitor.at(page);
    await use(visitor);
    expect(visitor.complaints, "what the browser complained of").toEqual([]);
  },
});

export { expect };

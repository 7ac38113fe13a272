import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { expect, test } from "@playwright/test";

import { Archive } from "../support/archive.ts";
import { logIn } from "../support/matrix.ts";
import { Staff, startClient } from "../support/staff.ts";
import { deployment } from "./deployment.ts";

const CHAT = "/v1/support-chat";
const VISITORS = 4;

/**
 * A visitor who writes one message after another, and repeats unanswered ones as the widget does.
 */
class Writer {
  readonly accepted: string[] = [];
  longestWait = 0;
  readonly #url: string;
  readonly #name: string;
  #session: { sessionId: string; token: string } | undefined;

  constructor(url: string, name: string) {
    this.#url = `${url}${CHAT}/sessions`;
    this.#name = name;
  }

  async writeOne(): Promise<void> {
    const text = `${this.#name}, message ${this.accepted.length + 1}`;
    const key = crypto.randomUUID();
    const asked = Date.now();
    for (;;) {
      const answer = await this.#ask(text, key).catch(() => undefined);
      if (answer?.status === 201) {
        const body = (await answer.json()) as { sessionId: string; token: string };
        this.#session ??= body;
        break;
      }
      // Any other answer is a refusal, which a repetition would not change.
      if (answer) expect([429, 502, 503, 504], await answer.text()).toContain(answer.status);
      expect(Date.now() - asked, "how long nobody answered").toBeLessThan(300_000);
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    this.longestWait = Math.max(this.longestWait, Date.now() - asked);
    this.accepted.push(text);
  }

  #ask(text: string, key: string): Promise<Response> {
    const session = this.#session;
    return fetch(session ? `${this.#url}/${session.sessionId}/messages` : this.#url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "idempotency-key": key,
        ...(session && { authorization: `Bearer ${session.token}` }),
      },
      body: JSON.stringify(session ? { body: text } : { initialMessage: text }),
      signal: AbortSignal.timeout(10_000),
    });
  }
}

test("an upgrade under load loses nothing", async ({ baseURL }) => {
  test.skip(!deployment.upgrade, "SMOKE_UPGRADE is not set");
  test.setTimeout(900_000);
  const client = await startClient(await logIn(deployment.staff, deployment.staffPassword));
  const staff = new Staff(client);
  const archive = new Archive(await logIn(deployment.bot, deployment.botPassword));
  const names = Array.from({ length: VISITORS }, (_, i) => `Visitor ${i + 1} of ${Date.now()}`);
  const writers = names.map((name) => new Writer(baseURL ?? "", name));
  const rooms: string[] = [];
  for (const writer of writers) {
    await writer.writeOne();
    const room = () => staff.newRooms().find((id) => !rooms.includes(id)) ?? "";
    await expect.poll(room).not.toBe("");
    rooms.push(room());
  }

  let upgraded = false;
  const upgrade = promisify(execFile)(deployment.upgrade).finally(() => {
    upgraded = true;
  });
  const load = writers.map(async (writer) => {
    // A few more requests, which the new release answers.
    for (let after = 0; after < 5; after += upgraded ? 1 : 0) {
      await writer.writeOne();
      // All requests together stay below the limit of one address.
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  });
  await Promise.all([upgrade, ...load]);

  for (const [i, writer] of writers.entries()) {
    const stored = () => archive.visitorTexts(rooms[i] ?? "");
    await expect.poll(stored, { timeout: 60_000 }).toEqual(writer.accepted);
  }
  const total = writers.reduce((sum, writer) => sum + writer.accepted.length, 0);
  const longest = Math.max(...writers.map((writer) => writer.longestWait));
  console.log(`${total} messages during the upgrade; the longest waited ${longest} ms`);
  client.stopClient();
  await client.logout(true);
});

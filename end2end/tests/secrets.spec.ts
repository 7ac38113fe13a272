import { readFile } from "node:fs/promises";

import { expect, test } from "../fixtures.ts";
import { dumpDatabase } from "../support/database.ts";
import { environment } from "../support/environment.ts";
import { found, type Secret } from "../support/secrets.ts";
import { API_PATH } from "../support/traffic.ts";

test("tokens, passwords and Matrix ids stay where they belong", async ({
  visitor,
  alice,
  bob,
  archive,
}) => {
  const words = "Something to look for in the database";

  // A conversation with everything in it: both members of the staff, a failure, a reload, another
  // page, and an end.
  await visitor.visit("/about");
  await visitor.beginConversation(words);
  const { token } = await visitor.storedSession();
  const roomId = await alice.acceptInvite();
  await alice.send(roomId, "Alice here");
  await visitor.reads("Alice here");
  await bob.acceptInvite(roomId);
  await bob.send(roomId, "Bob here");
  await visitor.reads("Bob here");
  await visitor.loseNetwork();
  await visitor.write("Try me twice");
  await visitor.send();
  await expect(visitor.retryButton).toBeEnabled();
  await visitor.recoverNetwork();
  await visitor.retry();
  await alice.waitForText(roomId, "Try me twice");
  await visitor.reload();
  await visitor.openChat();
  await visitor.reads("Try me twice");
  await visitor.endChat();
  await expect(visitor.panel).toContainText("This chat has ended");

  // Requests that the server refuses, whose answers might reveal too much.
  for (const path of ["/sessions/none/messages", `/sessions/none/messages?after=${token}`]) {
    await visitor.page.evaluate(
      async ([url, bearer]) => {
        const refused = await fetch(url ?? "", { headers: { authorization: `Bearer ${bearer}` } });
        // An answer that nobody reads never counts as received.
        await refused.text();
      },
      [API_PATH + path, token],
    );
  }

  const events = await archive.events(roomId);
  const sessionToken: Secret = { name: "the session token", value: token };
  const passwords: Secret[] = [
    { name: "the staff's password", value: environment.staffPassword() },
    { name: "the bot's password", value: environment.botPassword() },
  ];
  const matrixIds: Secret[] = [
    { name: "the room id", value: roomId },
    { name: "alice's id", value: alice.userId },
    { name: "bob's id", value: bob.userId },
    { name: "the bot's id", value: archive.botId },
    ...events.map((event) => ({ name: `the id of an ${event.type}`, value: event.event_id })),
  ];

  await test.step("what the browser got", async () => {
    const answers = await visitor.traffic.answers();
    expect(answers.some(({ url }) => url.includes("/chunks/chat-"))).toBe(true);
    const withToken: string[] = [];
    for (const { method, url, status, headers, body } of answers) {
      const got = Buffer.concat([Buffer.from(headers), body]);
      expect(found(got, [...matrixIds, ...passwords]), `${method} ${url}`).toEqual([]);
      if (found(got, [sessionToken]).length > 0) {
        withToken.push(`${method} ${new URL(url).pathname} ${status}`);
      }
    }
    expect(withToken, "the answer that issues the token").toEqual([
      `POST ${API_PATH}/sessions 201`,
    ]);
  });

  await test.step("the page as it stands, and what it stores", async () => {
    expect(found(await visitor.page.content(), [...matrixIds, ...passwords, sessionToken])).toEqual(
      [],
    );
    // For a day, what has ended can be saved, rated and deleted.
    const stored = await visitor.sessionStorage();
    expect(Object.keys(stored)).toEqual(["matrix-support-chat-ended"]);
    const past = JSON.parse(stored["matrix-support-chat-ended"] ?? "") as object;
    expect(Object.keys(past).sort()).toEqual(["api", "at", "sessionId", "token"]);
  });

  await test.step("the server's log", async () => {
    // Room and event ids may appear in the log, so that a conversation can be found. That this
    // one's does shows that it is the right log.
    await expect
      .poll(async () => (await readFile(environment.serverLog())).includes(roomId))
      .toBe(true);
    const log = await readFile(environment.serverLog());
    expect(found(log, [...passwords, sessionToken])).toEqual([]);
    expect(log.toString("latin1")).not.toMatch(/bearer\s+[\w-]{16,}/i);
  });

  await test.step("the database", async () => {
    const dump = await dumpDatabase();
    expect(dump, "the dump has the conversation in it").toContain(words);
    expect(found(dump, [...passwords, sessionToken])).toEqual([]);
  });
});

import { expect, test } from "../fixtures.ts";
import { homeserver } from "../support/homeserver.ts";

test("killing the homeserver during a conversation loses nothing", async ({
  visitor,
  alice,
  archive,
}) => {
  test.setTimeout(240_000);
  const patient = { timeout: 120_000 };

  await visitor.beginConversation("Before the outage");
  const roomId = await alice.acceptInvite();
  await alice.send(roomId, "Reply before the outage");
  await visitor.reads("Reply before the outage");

  await homeserver.stop();
  try {
    // The message is accepted nevertheless, because that only promises its later delivery.
    await visitor.say("First during the outage");
    await visitor.say("Second during the outage");
    await expect(visitor.alert).toBeHidden();
  } finally {
    await homeserver.start();
  }

  await test.step("both messages arrive, once and in order", async () => {
    await alice.reconnect();
    const expected = ["Before the outage", "First during the outage", "Second during the outage"];
    await expect.poll(() => archive.visitorTexts(roomId), patient).toEqual(expected);
    await alice.waitForText(roomId, "Second during the outage");
    await visitor.say("After the outage");
    await expect
      .poll(() => archive.visitorTexts(roomId), patient)
      .toEqual([...expected, "After the outage"]);
  });

  await test.step("replies reach the visitor again, once", async () => {
    await alice.send(roomId, "Reply after the outage");
    await expect.poll(() => visitor.timesRead("Reply after the outage"), patient).toBe(1);
    await alice.send(roomId, "One more reply");
    await visitor.reads("One more reply");
    for (const reply of ["Reply before the outage", "Reply after the outage", "One more reply"]) {
      expect(await visitor.timesRead(reply), reply).toBe(1);
    }
  });
});

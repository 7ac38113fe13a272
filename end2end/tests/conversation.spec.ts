import { expect, test } from "../fixtures.ts";

const FIRST = "Hello, I need help with tokenization infrastructure.";

// Line breaks, indentation, a tab, emoji of several code points, and what a careless relay would
// treat as markup.
const SECOND = [
  "Three things: <b>launch</b> & *timelines*,",
  '  - indented, with a "quote", a back\\slash and 100 % of {braces}',
  "",
  "\ttabbed 👩🏽‍🚀 naïve 東京 مرحبا",
  "# https://example.org/?a=1&b=2 &amp; @room",
].join("\n");

test("a visitor writes, staff answer from Matrix, the visitor reads it", async ({
  visitor,
  alice,
  bob,
  archive,
}) => {
  let roomId = "";

  await test.step("the first message makes a private room and invites the staff", async () => {
    await visitor.visit();
    await expect(visitor.launcher).toHaveAttribute("aria-expanded", "false");
    await visitor.openChat();
    await expect(visitor.launcher).toHaveAttribute("aria-expanded", "true");
    await visitor.say(FIRST);

    roomId = await alice.waitForInvite();
    await bob.waitForInvite(roomId);

    const { name, topic, joinRule } = alice.describe(roomId);
    const host = new URL(visitor.page.url()).hostname.replace(/^www\./, "");
    const [words, place, code, ...rest] = (name ?? "").split(" · ");
    expect(words).toMatch(/^“.+”$/);
    expect(place?.split("/")[0]).toBe(host);
    expect(code).toMatch(/^[2-9A-HJKMNP-Z]{4}$/);
    expect(rest).toEqual([]);
    expect(topic).toBe("Messages sent here are visible to the website visitor.");
    expect(joinRule).toBe("invite");
  });

  await test.step("who they are comes first, then what they wrote", async () => {
    const title = await visitor.page.title();
    await expect.poll(() => archive.visitorTexts(roomId)).toEqual([FIRST]);

    const [details, message] = await archive.messages(roomId);
    expect(details).toMatchObject({ sender: archive.botId, msgtype: "m.notice" });
    expect(details?.body).toContain(visitor.page.url());
    expect(details?.body).toContain(title);
    expect(message).toMatchObject({ sender: archive.botId, msgtype: "m.text", body: FIRST });
  });

  await test.step("alice joins later, and can read it all the same", async () => {
    await alice.join(roomId);
    expect(alice.describe(roomId).members).toEqual({
      [archive.botId]: "join",
      [alice.userId]: "join",
      [bob.userId]: "invite",
    });
    const recap = await alice.waitForText(roomId, FIRST);
    expect(recap).toMatchObject({ sender: archive.botId, msgtype: "m.notice" });
    expect(recap.body).toContain(await visitor.page.title());
  });

  await test.step("her reply appears at the visitor's, once", async () => {
    await alice.send(roomId, "Gladly. What is your timeline?");
    await visitor.reads("Gladly. What is your timeline?");
  });

  await test.step("the next message arrives exactly as typed", async () => {
    await visitor.say(SECOND);
    const message = await alice.waitForText(roomId, SECOND);
    expect(message).toMatchObject({ sender: archive.botId, msgtype: "m.text", body: SECOND });

    const sent = (await archive.events(roomId)).find((it) => it.event_id === message.eventId);
    expect(sent?.content, "plain text that mentions nobody, and nothing else").toEqual({
      msgtype: "m.text",
      body: SECOND,
      "m.mentions": {},
    });
  });

  await test.step("a reload keeps the conversation", async () => {
    await visitor.reload();
    await visitor.openChat();
    await visitor.reads(SECOND);
    for (const text of [FIRST, "Gladly. What is your timeline?", SECOND]) {
      expect(await visitor.timesRead(text), text).toBe(1);
    }
    await alice.send(roomId, "Back again?");
    await visitor.reads("Back again?");
    expect(await visitor.timesRead("Gladly. What is your timeline?")).toBe(1);
  });

  await test.step("closing the panel is not the end", async () => {
    await visitor.closePanel();
    await visitor.openChat();
    await visitor.reads("Back again?");
    await visitor.say("Still here.");
    await alice.waitForText(roomId, "Still here.");
  });

  await test.step("End chat is: for the visitor, not for the staff", async () => {
    await visitor.endChat();
    await expect(visitor.panel).toContainText("This chat has ended");
    await expect(visitor.composer).toBeHidden();
    await expect(visitor.endButton).toBeHidden();
    // Nothing but what it can be saved, rated and deleted with.
    const keys = async (): Promise<string[]> => Object.keys(await visitor.sessionStorage());
    await expect.poll(keys).toEqual(["matrix-support-chat-ended"]);

    expect(await archive.visitorTexts(roomId)).toEqual([FIRST, SECOND, "Still here."]);
    expect(alice.describe(roomId).members[alice.userId]).toBe("join");
    expect(alice.readTimeline(roomId).map((message) => message.body)).toContain(SECOND);
  });
});

test("staff who join only after the second message can read both", async ({
  visitor,
  alice,
  bob,
  archive,
}) => {
  await visitor.beginConversation("First: is anyone there?");
  await visitor.say("Second: I can wait.");
  const roomId = await alice.waitForInvite();
  await expect
    .poll(() => archive.visitorTexts(roomId))
    .toEqual(["First: is anyone there?", "Second: I can wait."]);

  for (const member of [alice, bob]) {
    await member.acceptInvite(roomId);
    const recap = await member.waitForText(roomId, "First: is anyone there?");
    expect(recap.msgtype).toBe("m.notice");
    expect(recap.body).toContain("Second: I can wait.");
    // The staff get the newest texts first, and then again at their own place.
    expect(recap.body.indexOf("Second:")).toBeLessThan(recap.body.indexOf("First:"));
    expect(recap.body.indexOf("First:")).toBeLessThan(recap.body.lastIndexOf("Second:"));
  }

  // The visitor does not see the second copy for the staff.
  await bob.send(roomId, "Here I am.");
  await visitor.reads("Here I am.");
  expect(await visitor.timesRead("First: is anyone there?")).toBe(1);
  expect(await visitor.timesRead("Second: I can wait.")).toBe(1);
});

import type { IRoomEvent, IStateEvent } from "matrix-js-sdk";

import { expect, test } from "../fixtures.ts";
import { waitAsLong } from "../support/database.ts";
import { Session } from "../support/session.ts";
import type { Ring, Staff } from "../support/staff.ts";

/** What a member's app does for an event, in the terms of `docs/guide/staff.md`. */
function word({ notifies, sounds, highlights }: Ring): string {
  if (!notifies) return "silent";
  return ["notifies", ...(sounds ? ["sounds"] : []), ...(highlights ? ["highlights"] : [])].join(", ");
}

/** The people whose app shows an event. */
type Row = [what: string, event: IRoomEvent];

function words(staff: Staff, rows: Row[]): Record<string, string> {
  return Object.fromEntries(rows.map(([what, event]) => [what, word(staff.ring(event))]));
}

const relation = (event: IRoomEvent) =>
  event.content["m.relates_to"] as
    | { rel_type?: string; event_id?: string; "m.in_reply_to"?: { event_id: string } }
    | undefined;

const answers = (to: string) => (event: IRoomEvent) =>
  relation(event)?.["m.in_reply_to"]?.event_id === to;

const edits = (of: string) => (event: IRoomEvent) =>
  relation(event)?.rel_type === "m.replace" && relation(event)?.event_id === of;

const says = (msgtype: string, words: string) => (event: IRoomEvent) =>
  event.content.msgtype === msgtype && String(event.content.body).includes(words) && !relation(event);

test("what the bot sends rings, notifies or keeps silent by the push rules that every account has", async ({
  alice,
  bob,
  archive,
}) => {
  const find = async (roomId: string, what: string, matches: (event: IRoomEvent) => boolean) => {
    let found: IRoomEvent | undefined;
    await expect
      .poll(async () => Boolean((found = (await archive.events(roomId)).find(matches))), {
        message: what,
        timeout: 45_000,
      })
      .toBe(true);
    return found as IRoomEvent;
  };

  const desk = await alice.enterDesk();
  await bob.enterDesk();

  const session = await Session.begin({
    initialMessage: "How much is a website?",
    visitorName: "Ada",
    pageTitle: "Pricing",
    sourceUrl: "https://www.webdevelop.biz/pricing",
  });
  const roomId = await alice.waitForInvite();
  const invitation = await find(
    roomId,
    "the invitation",
    (event) =>
      event.type === "m.room.member" &&
      (event as Partial<IStateEvent>).state_key === alice.userId &&
      event.content.membership === "invite",
  );
  const invited = word(alice.ring(invitation));
  expect(invited, "the invitation, before it is accepted").toBe("notifies, sounds");

  // Those who join late are told the conversation so far.
  await alice.join(roomId);
  await bob.acceptInvite(roomId);
  const recap = await find(roomId, "a recap", (event) =>
    event.content.msgtype === "m.notice" && String(event.content.body).includes("How much is a website?"),
  );

  // Nobody has answered for longer than allowed.
  const line = await find(desk, "the line", says("m.text", roomId));
  await waitAsLong(session.id);
  const call = await find(desk, "the call", answers(line.event_id));

  await session.say("Is anyone there?");
  await session.goTo("https://www.webdevelop.biz/contact", "Contact");
  const details = await find(roomId, "the details", says("m.notice", "Pricing"));
  const newDetails = await find(roomId, "other details", edits(details.event_id));
  const picture = await alice.sendPicture(roomId);
  const notShown = await find(roomId, "that it is not shown", answers(picture));
  const help = await alice.send(roomId, "!help");
  const commandAnswer = await find(roomId, "the command's answer", answers(help));
  const question = await alice.send(desk, "!stats");
  const deskAnswer = await find(desk, "the desk's answer", answers(question));
  await session.close();
  const name = await find(
    roomId,
    "the name at the end",
    ({ type, content }) => type === "m.room.name" && String(content.name).startsWith("✓"),
  );
  const ended = await find(desk, "the line at the end", edits(line.event_id));

  const rows: Row[] = [
    ["first text", await find(roomId, "the first text", says("m.text", "How much is a website?"))],
    ["later text", await find(roomId, "a later text", says("m.text", "Is anyone there?"))],
    ["details", details],
    ["details, edited", newDetails],
    ["recap", recap],
    ["not shown", notShown],
    ["answer to a command", commandAnswer],
    ["name of a conversation that has ended", name],
    ["desk: line", line],
    ["desk: line, edited", ended],
    ["desk: nobody answers", call],
    ["desk: answer to a command", deskAnswer],
  ];

  const all = {
    "first text": "notifies",
    "later text": "notifies",
    details: "silent",
    "details, edited": "silent",
    recap: "silent",
    "name of a conversation that has ended": "silent",
    "desk: line": "notifies",
    "desk: line, edited": "silent",
    "desk: nobody answers": "notifies, highlights",
  };
  // A message that is addressed to alice highlights for her alone.
  expect(words(alice, rows)).toEqual({
    ...all,
    "not shown": "notifies, sounds, highlights",
    "answer to a command": "notifies, sounds, highlights",
    "desk: answer to a command": "notifies, sounds, highlights",
  });
  expect(words(bob, rows)).toEqual({
    ...all,
    "not shown": "notifies",
    "answer to a command": "notifies",
    "desk: answer to a command": "notifies",
  });

  // Apps treat a room of two people as a direct chat, and play a sound for each message.
  await bob.leave(roomId);
  await alice.waitUntilAloneWith(roomId, archive.botId);
  expect(words(alice, rows.filter(([what]) => !what.startsWith("desk")))).toEqual({
    "first text": "notifies, sounds",
    "later text": "notifies, sounds",
    details: "silent",
    "details, edited": "silent",
    recap: "silent",
    "not shown": "notifies, sounds, highlights",
    "answer to a command": "notifies, sounds, highlights",
    "name of a conversation that has ended": "silent",
  });
});

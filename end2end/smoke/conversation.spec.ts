import { expect, test } from "../fixtures.ts";
import { Archive } from "../support/archive.ts";
import { logIn } from "../support/matrix.ts";
import { Staff, startClient } from "../support/staff.ts";
import { deployment } from "./deployment.ts";

test("a conversation through every part", async ({ visitor, baseURL }) => {
  const text = `Smoke test ${Date.now()}: please ignore.`;
  const reply = `Smoke test: answered ${text}`;
  let roomId = "";

  const bot = await test.step("the bot can log in", () =>
    logIn(deployment.bot, deployment.botPassword));
  const archive = new Archive(bot);
  const client = await test.step("so can staff", async () =>
    startClient(await logIn(deployment.staff, deployment.staffPassword)));
  const staff = new Staff(client);

  await test.step("the first message is sent from the website", async () => {
    expect(baseURL).toMatch(/^https:/);
    await visitor.beginConversation(text);
  });

  await test.step("a private room is made, and staff are invited", async () => {
    // If the homeserver accepts invitations for its users, they have joined already.
    await expect.poll(() => staff.newRooms()[0] ?? "").not.toBe("");
    roomId = staff.newRooms()[0] ?? "";
    await expect.poll(() => archive.visitorTexts(roomId)).toEqual([text]);
    const state = new Map(
      (await archive.events(roomId))
        .filter((event) => "state_key" in event && event.state_key === "")
        .map((event) => [event.type, event.content]),
    );
    expect(state.get("m.room.create")).toMatchObject({ "m.federate": false });
    expect(state.get("m.room.join_rules")).toEqual({ join_rule: "invite" });
    expect(state.get("m.room.history_visibility")?.["history_visibility"]).not.toBe("world_readable");
    expect(state.get("m.room.topic")?.["topic"]).toBe(
      "Messages sent here are visible to the website visitor.",
    );
    expect([...state.keys()]).not.toContain("m.room.encryption");
    expect([...state.keys()]).not.toContain("m.room.canonical_alias");
  });

  await test.step("staff reply from Matrix, and the widget shows it", async () => {
    await staff.join(roomId);
    await staff.send(roomId, reply);
    await visitor.reads(reply);
    expect(await visitor.timesRead(reply)).toBe(1);
  });

  await test.step("the chat ends", () => visitor.endChat());

  client.stopClient();
  await client.logout(true);
});

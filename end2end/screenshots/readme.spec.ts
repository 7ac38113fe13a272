import { test } from "../fixtures.ts";
import type { Staff } from "../support/staff.ts";
import type { Visitor } from "../support/visitor.ts";

/** A sample conversation on the visitor's screen. */
async function converse(visitor: Visitor, staff: Staff): Promise<void> {
  await visitor.beginConversation("Hello, I need help with tokenization infrastructure.");
  const roomId = await staff.acceptInvite();
  await staff.send(roomId, "Hi! Gladly. Which assets is it about, and by when?");
  await visitor.reads("by when?");
  await visitor.say("A commercial property in Lisbon. We would like to open in October.");
  await staff.waitForText(roomId, "Lisbon");
  await staff.send(
    roomId,
    "October can be done if your counsel has settled the vehicle by June. Shall I send you the list of what we need?",
  );
  await visitor.reads("the list of what we need?");
  await visitor.write("Yes, please");
}

test("the README's picture", async ({ visitor, alice }) => {
  await visitor.page.setViewportSize({ width: 1100, height: 760 });
  await visitor.page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
  await converse(visitor, alice);
  await visitor.page.screenshot({ path: "../docs/widget.png" });
});

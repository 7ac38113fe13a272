import { expect, test } from "../fixtures.ts";
import type { Staff } from "../support/staff.ts";
import type { Visitor } from "../support/visitor.ts";

/** A conversation as it could be, on the visitor's screen. */
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

const SCREENS = {
  desktop: { width: 1280, height: 800 },
  phone: { width: 390, height: 844 },
};

for (const [name, screen] of Object.entries(SCREENS)) {
  for (const colorScheme of ["light", "dark"] as const) {
    test(`${name}, ${colorScheme}`, async ({ visitor, alice }) => {
      const { page } = visitor;
      const shoot = (state: string) =>
        page.screenshot({ path: `test-results/${name}-${colorScheme}-${state}.png` });
      await page.setViewportSize(screen);
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });

      await visitor.visit();
      await expect(visitor.launcher).toBeVisible();
      await shoot("1-closed");
      await visitor.openChat();
      await shoot("2-open");
      await converse(visitor, alice);
      await shoot("3-conversation");
      await visitor.loseNetwork();
      await visitor.send();
      await expect(visitor.alert).toBeVisible();
      await shoot("4-failure");
      await visitor.recoverNetwork();
      await visitor.endChat();
      await expect(visitor.panel).toContainText("This chat has ended");
      await shoot("5-ended");
    });
  }
}

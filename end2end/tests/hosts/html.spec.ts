import { htmlSite } from "../../support/site.ts";
import { expect, test } from "./fixtures.ts";

for (const [widgetFrom, page] of [
  ["server", "/"],
  ["package", "/self-hosted.html"],
] as const) {
  test.describe(`plain HTML with the widget from the ${widgetFrom}`, () => {
    test.use({ site: htmlSite(widgetFrom) });

    test("a visitor writes, and reads the answer", async ({ visitor, alice }) => {
      await visitor.visit(page);
      await expect(visitor.launcher).toBeVisible();
      expect(visitor.traffic.chatChunks()).toEqual([]);
      await visitor.openChat();
      await visitor.say("Hello from plain HTML");
      const roomId = await alice.acceptInvite();
      await alice.send(roomId, "Hello back");
      await visitor.reads("Hello back");
    });
  });
}

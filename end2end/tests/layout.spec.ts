import { expect, test } from "../fixtures.ts";
import { boxOf, contentsOf, overlap, SCREENS } from "../support/rectangles.ts";

for (const screen of SCREENS) {
  test(`the launcher covers nothing that matters at ${screen.width} px`, async ({ visitor }) => {
    const { page } = visitor;
    await page.setViewportSize(screen);
    await visitor.visit();
    await expect(visitor.launcher).toBeInViewport({ ratio: 1 });

    const action = page.getByRole("main").getByRole("link", { name: "Discuss your project" });
    await expect(action).toBeInViewport({ ratio: 1 });
    const launcher = await boxOf(visitor.launcher);
    expect(overlap(launcher, await boxOf(action)), "the primary call to action").toBe(false);

    await page.evaluate(() => window.scrollTo(0, document.documentElement.scrollHeight));
    const footer = page.getByRole("contentinfo");
    await expect(footer).toBeInViewport();
    const contents = await contentsOf(footer);
    expect(contents.length).toBeGreaterThan(0);
    const atTheEnd = await boxOf(visitor.launcher);
    expect(
      contents.filter((content) => overlap(atTheEnd, content)),
      "the footer's content",
    ).toEqual([]);

    const overflow = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    expect(overflow, "sideways scrolling").toBe(0);
  });
}

test("on a phone the open panel keeps composer and Send on the screen", async ({
  visitor,
  alice,
}) => {
  await visitor.page.setViewportSize({ width: 360, height: 640 });
  await visitor.visit();
  await visitor.openChat();
  await expectToFit();

  const tall = Array.from({ length: 40 }, (_, line) => `line ${line}`).join("\n");
  await visitor.write(tall);
  await expectToFit();
  await visitor.say(tall);
  const roomId = await alice.acceptInvite();
  await alice.send(roomId, `${"unbroken".repeat(60)} end`);
  await visitor.reads(`${"unbroken".repeat(60)} end`);
  await expectToFit();

  async function expectToFit(): Promise<void> {
    await expect(visitor.composer).toBeInViewport({ ratio: 1 });
    await expect(visitor.sendButton).toBeInViewport({ ratio: 1 });
    await expect(visitor.closeButton).toBeInViewport({ ratio: 1 });
    const { x, width } = await boxOf(visitor.panel);
    expect(x).toBeGreaterThanOrEqual(0);
    expect(x + width).toBeLessThanOrEqual(360);
  }
});

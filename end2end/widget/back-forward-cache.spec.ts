import { expect, test } from "./fixtures.ts";

declare global {
  interface Window {
    /** Whether each showing of this page came from the back-forward cache. */
    showings: boolean[];
    pollsOut: { out: number; most: number };
  }
}

for (const waitSeconds of [0, 25]) {
  test(`a page that comes back from the cache goes on with its chat, waiting ${waitSeconds} s`, async ({
    visitor,
    api,
  }) => {
    const { page } = visitor;
    api.waitSeconds = waitSeconds;
    await page.addInitScript(() => {
      window.showings = [];
      addEventListener("pageshow", ({ persisted }) => window.showings.push(persisted));
      const polls = (window.pollsOut = { out: 0, most: 0 });
      const { fetch } = window;
      window.fetch = (input, init) => {
        const request = new Request(input, init);
        const answer = fetch(request);
        if (request.method === "GET" && request.url.includes("/messages")) {
          polls.most = Math.max(polls.most, ++polls.out);
          const over = (): void => void (polls.out -= 1);
          answer.then(over, over);
        }
        return answer;
      };
    });
    await visitor.beginConversation("Back in a moment");
    api.reply("Take your time");
    await visitor.reads("Take your time");
    await visitor.write("A draft");
    const session = await visitor.storedSession();

    await visitor.visit("/elsewhere");
    const before = api.count("poll");
    api.reply("Are you back?");
    // A page from the cache fires no load event.
    await page.goBack({ waitUntil: "commit" });
    await expect.poll(() => page.evaluate(() => window.showings)).toEqual([false, true]);

    await visitor.reads("Are you back?");
    await expect(visitor.composer).toHaveValue("A draft");
    expect(await visitor.timesRead("Take your time")).toBe(1);
    expect(api.count("poll")).toBeGreaterThan(before);
    await visitor.send();
    await visitor.reads("A draft");
    expect(api.count("create")).toBe(1);
    expect(await visitor.storedSession()).toEqual(session);
    expect(await page.evaluate(() => window.pollsOut.most), "polls at a time").toBe(1);
  });
}

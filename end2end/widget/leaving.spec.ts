import { dice } from "../support/dice.ts";
import { type Leave, unsent, WAYS_TO_LEAVE } from "../support/leaving.ts";
import { LoopbackApi } from "../support/loopback-api.ts";
import { LoopbackSite } from "../support/loopback-site.ts";
import { Visitor } from "../support/visitor.ts";
import { expect, test } from "./loopback-fixtures.ts";

/** How often the random test leaves the page. `LEAVE_TIMES=500` runs all of it. */
const TIMES = Number(process.env["LEAVE_TIMES"] ?? 60);
/** The first seed. */
const SEED = Number(process.env["LEAVE_SEED"] ?? 15);
const MAX_LATENCY_MS = 1_500;

/** Writes and sends, without waiting for an answer. */
async function begin(visitor: Visitor, text: string): Promise<void> {
  await visitor.write(text);
  await visitor.composer.press("Enter");
}

/** Waits until everything that was sent is accepted. */
async function settles(visitor: Visitor): Promise<void> {
  await expect
    .poll(async () => (await unsent(visitor.page)).outgoing, { message: "what is not accepted" })
    .toEqual([]);
}

for (const [way, leave] of Object.entries(WAYS_TO_LEAVE)) {
  test.describe(`after ${way}`, () => {
    test("a first message whose answer nobody heard is one conversation", async ({
      visitor,
      api,
      site,
    }) => {
      await visitor.visit();
      await visitor.openChat();
      const answer = api.hold();
      await begin(visitor, "Hello");
      await api.takes("Hello");
      const next = await leave(visitor, site);
      answer();
      // The message is sent without the visitor's action, with the panel closed.
      await settles(next);
      await next.openChat();
      await next.reads("Hello");
      await next.say("And another thing");
      expect(api.sessions).toEqual(["api-s1"]);
      expect(api.taken.map(({ body }) => body)).toEqual(["Hello", "And another thing"]);
      expect(await next.timesRead("Hello")).toBe(1);
    });

    test("a first message that was cut on its way arrives", async ({ visitor, api, site }) => {
      await arrivesAfterACut(visitor, api, site, leave, []);
    });

    test("a later message that was cut on its way arrives", async ({ visitor, api, site }) => {
      await arrivesAfterACut(visitor, api, site, leave, ["Hello"]);
    });

    test("a draft is in the composer", async ({ visitor, api, site }) => {
      await visitor.visit();
      await visitor.openChat();
      await visitor.write("Not yet");
      const next = await leave(visitor, site);
      await next.openChat();
      await expect(next.composer).toHaveValue("Not yet");
      expect(api.asked.size, "requests").toBe(0);
      await next.write("");
      expect(await next.sessionStorage()).toEqual({});
    });

    test("what could not be sent is sent", async ({ visitor, api, site }) => {
      await visitor.visit();
      await visitor.openChat();
      await visitor.loseNetwork();
      await begin(visitor, "Kept here");
      await expect(visitor.alert).toContainText("still in the box below");
      await expect(visitor.composer).toHaveValue("Kept here");
      await visitor.recoverNetwork();
      const next = await leave(visitor, site);
      await settles(next);
      await next.openChat();
      await next.reads("Kept here");
      await api.takes("Kept here");
      expect(api.times("Kept here")).toBe(1);
    });

    test("what could not be sent, and was changed, is in the composer", async ({
      visitor,
      api,
      site,
    }) => {
      await visitor.visit();
      await visitor.openChat();
      await visitor.loseNetwork();
      await begin(visitor, "Helo");
      await expect(visitor.alert).toBeVisible();
      await visitor.write("Hello");
      await visitor.recoverNetwork();
      const next = await leave(visitor, site);
      await next.openChat();
      await expect(next.composer).toHaveValue("Hello");
      expect(api.taken).toEqual([]);
    });
  });
}

async function arrivesAfterACut(
  visitor: Visitor,
  api: LoopbackApi,
  site: LoopbackSite,
  leave: Leave,
  said: string[],
): Promise<void> {
  await visitor.visit();
  await visitor.openChat();
  for (const text of said) await visitor.say(text);
  const recover = api.lose();
  const asked = visitor.page.waitForRequest((request) => request.method() === "POST");
  await begin(visitor, "On its way");
  await asked;
  await visitor.write("typed meanwhile");
  expect(api.times("On its way")).toBe(0);
  recover();
  const next = await leave(visitor, site);
  await settles(next);
  await next.openChat();
  await next.reads("On its way");
  await api.takes("On its way");
  await expect(next.composer).toHaveValue("typed meanwhile");
  expect(api.sessions).toHaveLength(1);
  expect(api.taken.map(({ body }) => body)).toEqual([...said, "On its way"]);
}

test("what is under way when the page is left goes on by itself", async ({ visitor, api }) => {
  await visitor.visit();
  await visitor.openChat();
  // The page is gone before the request arrives.
  api.latency = () => ({ there: 500, back: 0 });
  const asked = visitor.page.waitForRequest((request) => request.method() === "POST");
  await begin(visitor, "Goodbye");
  await asked;
  await visitor.visit("/plain");
  await api.takes("Goodbye");
});

test("nothing is kept before the visitor did anything", async ({ visitor, api }) => {
  await visitor.visit();
  await visitor.openChat();
  await visitor.closePanel();
  await visitor.reload();
  await visitor.openChat();
  expect(await visitor.sessionStorage()).toEqual({});
  expect(api.asked.size).toBe(0);
});

// The rounds are divided among several tests, so that they run in parallel.
const SHARES = 6;
for (let share = 0; share < SHARES; share += 1) {
  const times = Math.floor(TIMES / SHARES) + (share < TIMES % SHARES ? 1 : 0);
  test(`left ${times} times at random moments, nothing is lost or doubled (${share + 1})`, async ({
    browser,
  }) => {
    test.setTimeout(60_000 + times * 15_000);
    const random = dice(SEED * SHARES + share);
    for (let n = 0; n < times; n += 1) {
      await test.step(`conversation ${n + 1}`, async () => {
        const api = await LoopbackApi.start();
        const site = await LoopbackSite.start(api.origin);
        const context = await browser.newContext({ baseURL: site.origin });
        await leaveAtRandom(await Visitor.at(await context.newPage()), api, site, random);
        await context.close();
        await site.close();
        await api.close();
      });
    }
  });
}

/** A conversation of a visitor who leaves once, possibly with a request under way. */
async function leaveAtRandom(
  visitor: Visitor,
  api: LoopbackApi,
  site: LoopbackSite,
  random: () => number,
): Promise<void> {
  const ways = Object.values(WAYS_TO_LEAVE);
  const slowest = random() * MAX_LATENCY_MS;
  api.latency = () => {
    const total = random() * slowest;
    const there = random() * total;
    return { there, back: total - there };
  };
  await visitor.visit();
  await visitor.openChat();
  const texts: string[] = [];
  // In some rounds the conversation has begun before, and in some there is more to say.
  const says = 1 + Math.floor(random() * 3);
  for (let said = 0; said < says; said += 1) {
    const text = `Text ${said + 1}`;
    // A visitor who finds the last text in the composer continues with it.
    if ((await visitor.composer.inputValue()) === "") {
      await visitor.composer.pressSequentially(text);
      texts.push(text);
    }
    await visitor.composer.press("Enter");
    if (said < says - 1) await visitor.page.waitForTimeout(random() * slowest);
  }
  await visitor.page.waitForTimeout(random() * slowest);
  const leave = ways[Math.floor(random() * ways.length)];
  const next = (await leave?.(visitor, site)) ?? visitor;

  await settles(next);
  await next.openChat();
  const composed = await next.composer.inputValue();
  const found = texts.map((text) => [text, api.times(text) + Number(composed.includes(text))]);
  expect(found, "each text once, in the conversation or in the composer").toEqual(
    texts.map((text) => [text, 1]),
  );
  expect(api.sessions.length, "conversations").toBeLessThanOrEqual(1);
  expect(next.complaints).toEqual([]);
}

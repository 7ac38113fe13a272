import type { Page } from "@playwright/test";

import type { ScriptedApi } from "../support/scripted-api.ts";
import type { Visitor } from "../support/visitor.ts";
import { expect, test } from "./fixtures.ts";

/** When a poll was sent and when its answer was processed, by the page's clock. */
interface Poll {
  /** The number of seconds for which it may wait. */
  wait: number;
  sent: number;
  answered?: number;
}

declare global {
  interface Window {
    polls: Poll[];
  }
}

test.beforeEach(async ({ visitor: { page }, visitor }) => {
  await page.addInitScript(() => {
    window.polls = [];
    const { fetch } = window;
    window.fetch = async (input, init) => {
      const request = new Request(input, init);
      if (request.method !== "GET" || !request.url.includes("/messages")) return fetch(request);
      const wait = Number(new URL(request.url).searchParams.get("wait"));
      const poll: Poll = { wait, sent: Date.now() };
      window.polls.push(poll);
      // This runs in a later task, after the widget has processed the answer.
      const over = (): void => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => (poll.answered = Date.now());
        port2.postMessage(0);
      };
      try {
        const answer = await fetch(request);
        const text = await answer.text();
        answer.text = async () => text;
        return answer;
      } finally {
        over();
      }
    };
  });
  // Stops the page's clock, which then moves only when a test advances it.
  await page.clock.install({ time: "2026-05-23T14:00:00Z" });
  await visitor.beginConversation("Hello");
  await page.clock.pauseAt("2026-05-23T15:00:00Z");
  await settle(page);
});

function polls(page: Page): Promise<Poll[]> {
  return page.evaluate(() => window.polls);
}

/** Waits in real time until no poll is in progress. */
async function settle(page: Page): Promise<void> {
  await expect.poll(async () => (await polls(page)).every(({ answered }) => answered)).toBe(true);
}

/** Advances the page's clock slowly enough for every answer to arrive in time. */
async function pass(page: Page, ms: number, step = 1_000): Promise<void> {
  for (let passed = 0; passed < ms; passed += step) {
    await page.clock.runFor(step);
    await settle(page);
  }
}

const now = (page: Page): Promise<number> => page.evaluate(() => Date.now());

test("every two seconds while the panel is open", async ({ visitor: { page } }) => {
  const before = (await polls(page)).length;
  await pass(page, 20_000);
  const since = (await polls(page)).slice(before - 1);
  expect(since.length).toBeGreaterThan(9);
  const pauses = since.slice(1).map(({ sent }, n) => sent - (since[n]?.answered ?? 0));
  expect(new Set(pauses)).toEqual(new Set([2_000]));
});

test("for half a minute after closing, then not at all; at once on opening", async ({
  visitor,
}) => {
  const { page } = visitor;
  await visitor.closePanel();
  const closed = await now(page);
  await pass(page, 40_000);
  const last = (await polls(page)).at(-1)?.sent ?? 0;
  expect(last - closed).toBeGreaterThan(25_000);
  expect(last - closed).toBeLessThan(30_000);

  const before = (await polls(page)).length;
  await page.clock.runFor(3_600_000);
  expect(await polls(page)).toHaveLength(before);
  await visitor.openChat();
  expect(await polls(page)).toHaveLength(before + 1);
});

test("never two at a time", async ({ visitor: { page }, api }) => {
  const answer = api.hold("poll");
  const before = (await polls(page)).length;
  await page.clock.runFor(4_000);
  expect(await polls(page)).toHaveLength(before + 1);
  await page.evaluate(() => {
    for (const name of ["online", "pageshow"]) dispatchEvent(new Event(name));
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await page.clock.runFor(10_000);
  expect(await polls(page)).toHaveLength(before + 1);
  answer();
  await settle(page);
});

for (const name of ["online", "pageshow", "visibilitychange"]) {
  test(`at once on ${name}`, async ({ visitor, api }) => {
    const { page } = visitor;
    api.break("poll", "unreachable");
    await pass(page, 60_000);
    await expect(visitor.alert).toBeVisible();
    api.mend();
    api.reply("Back again?");
    await page.evaluate((name) => {
      const target = name === "visibilitychange" ? document : window;
      target.dispatchEvent(new Event(name));
    }, name);
    await visitor.reads("Back again?");
    await expect(visitor.alert).toBeHidden();
  });
}

test("failing, ever more rarely, and never at the same moment as others", async ({
  visitor: { page },
  api,
}) => {
  api.break("poll", "unreachable");
  const before = (await polls(page)).length;
  await pass(page, 300_000, 5_000);
  const since = (await polls(page)).slice(before);
  const pauses = since.slice(1).map(({ sent }, n) => sent - (since[n]?.answered ?? 0));
  expect(pauses.length).toBeGreaterThan(4);
  expect(pauses.length).toBeLessThan(15);
  expect(pauses[0]).toBeLessThan(pauses[3] ?? 0);
  for (const pause of pauses) expect(pause).toBeLessThanOrEqual(60_000);
});

test("not before the time that the server asks for", async ({ visitor: { page }, api }) => {
  api.break("poll", { status: 429, code: "rate_limited", retryAfter: 120 });
  const before = (await polls(page)).length;
  await pass(page, 3_000);
  expect(await polls(page)).toHaveLength(before + 1);
  const refused = (await polls(page)).at(-1)?.answered ?? 0;
  api.mend();
  await page.evaluate(() => dispatchEvent(new Event("online")));
  await pass(page, 130_000, 5_000);
  expect(((await polls(page))[before + 1]?.sent ?? 0) - refused).toBeGreaterThanOrEqual(120_000);
});

test.describe("by a server that lets polls wait", () => {
  test.beforeEach(async ({ visitor: { page }, api }) => {
    api.waitSeconds = 25;
    // The answer to one poll allows waiting, and the next one waits.
    await pass(page, 2_000, 2_000);
    await page.clock.runFor(2_000);
    await isWaiting(page, api, 0);
  });

  /** Waits in real time until a poll waits that came after this many. */
  async function isWaiting(page: Page, api: ScriptedApi, after: number): Promise<void> {
    await expect.poll(async () => (await polls(page)).length).toBeGreaterThan(after);
    await expect.poll(async () => (await polls(page)).at(-1)).not.toHaveProperty("answered");
    await expect.poll(() => api.count("poll")).toBe((await polls(page)).length);
  }

  test("once, and again when there is an answer", async ({ visitor, api }) => {
    const { page } = visitor;
    const before = (await polls(page)).length;
    expect((await polls(page)).at(-1)?.wait).toBe(25);
    await page.clock.runFor(20_000);
    expect(await polls(page)).toHaveLength(before);

    // The page's clock is stopped, so what happens now was not caused by a timer.
    api.reply("At once");
    await visitor.reads("At once");
    await isWaiting(page, api, before);
    expect(await polls(page)).toHaveLength(before + 1);

    // A poll that has waited for its whole time without news is followed by the next at once.
    await page.clock.runFor(25_000);
    expect(await polls(page)).toHaveLength(before + 1);
    api.endWaits();
    await isWaiting(page, api, before + 1);
    expect(await polls(page)).toHaveLength(before + 2);
  });

  test("once in two seconds where the answers are early and empty", async ({
    visitor: { page },
    api,
  }) => {
    const before = (await polls(page)).length;
    for (let n = 0; n < 5; n += 1) {
      api.endWaits();
      await settle(page);
      await page.clock.runFor(2_000);
      await isWaiting(page, api, before + n);
    }
    const since = (await polls(page)).slice(before - 1);
    const pauses = since.slice(1).map(({ sent }, n) => sent - (since[n]?.sent ?? 0));
    expect(pauses).toEqual([2_000, 2_000, 2_000, 2_000, 2_000]);
  });

  test("and sends do not wait behind them", async ({ visitor, api }) => {
    const requests = api.requests.length;
    await visitor.write("Now");
    await visitor.send();
    await expect.poll(() => api.requests.length).toBeGreaterThan(requests);
    expect(api.requests[requests]?.operation).toBe("send");
    await visitor.reads("Now");
  });

  test("until it knows no more of waiting", async ({ visitor: { page }, api }) => {
    const before = (await polls(page)).length;
    api.waitSeconds = 0;
    api.endWaits();
    await settle(page);
    await pass(page, 10_000);
    const since = (await polls(page)).slice(before);
    expect(since.length).toBeGreaterThan(3);
    expect(new Set(since.map(({ wait }) => wait))).toEqual(new Set([0]));
  });

  for (const [name, leave] of [
    ["half a minute after closing", async (visitor) => {
      await visitor.closePanel();
      await visitor.page.clock.runFor(30_000);
    }],
    ["when the network goes", ({ page }) => page.evaluate(() => dispatchEvent(new Event("offline")))],
    ["when the page goes", ({ page }) => page.evaluate(() => dispatchEvent(new Event("pagehide")))],
    ["when the element goes", ({ page }) =>
      page.evaluate(() => document.querySelector("matrix-support-chat")?.remove())],
    ["when the conversation ends", (visitor) => visitor.endChat()],
  ] as [string, (visitor: Visitor) => Promise<void>][]) {
    test(`let go of ${name}`, async ({ visitor, api }) => {
      const before = (await polls(visitor.page)).length;
      const waiting = api.requests.findLast(({ operation }) => operation === "poll")?.request;
      const ended = visitor.page.waitForEvent("requestfailed", (request) => request.url() === waiting?.url());
      await leave(visitor);
      expect((await ended).failure()?.errorText).toBe("net::ERR_ABORTED");
      expect(await polls(visitor.page)).toHaveLength(before);
    });
  }
});

test("not once the element is gone", async ({ visitor: { page } }) => {
  await page.evaluate(() => document.querySelector("matrix-support-chat")?.remove());
  const before = (await polls(page)).length;
  await page.clock.runFor(3_600_000);
  expect(await polls(page)).toHaveLength(before);
});

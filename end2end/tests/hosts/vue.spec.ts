import type { Request } from "@playwright/test";

import { boxOf, contentsOf, overlap, SCREENS } from "../../support/rectangles.ts";
import { vueSite } from "../../support/site.ts";
import { API_PATH } from "../../support/traffic.ts";
import type { Visitor } from "../../support/visitor.ts";
import { expect, test } from "./fixtures.ts";

for (const name of ["near-miss", "unset"] as const) {
  test.describe(`VITE_MATRIX_CHAT_ENABLED ${name}`, () => {
    test.use({ site: vueSite(name) });

    test("there is no chat, and nothing of it is loaded", async ({ visitor }) => {
      await visitor.visit("/");
      await expect(visitor.page.getByRole("heading", { level: 1 })).toBeVisible();
      await visitor.page.waitForLoadState("networkidle");
      await expect(visitor.page.locator("matrix-support-chat")).toHaveCount(0);
      await expect(visitor.page.getByRole("link", { name: "Write to us" })).toHaveCount(0);
      expect(scripts(visitor).filter((path) => path.includes("support-chat"))).toEqual([]);
    });
  });
}

test("the chat is on the landing page and on no other", async ({ visitor }) => {
  const { page } = visitor;
  await visitor.visit("/about");
  await expect(page.getByRole("heading", { name: "About us" })).toBeVisible();
  await page.waitForLoadState("networkidle");
  await expect(page.locator("matrix-support-chat")).toHaveCount(0);
  expect(scripts(visitor).filter((path) => path.includes("support-chat"))).toEqual([]);

  await page.getByRole("link", { name: "Home" }).click();
  await expect(visitor.launcher).toBeVisible();
  await page.getByRole("link", { name: "About" }).click();
  await expect(page.getByRole("heading", { name: "About us" })).toBeVisible();
  await expect(page.locator("matrix-support-chat")).toHaveCount(0);

  // The visitor has not touched the page.
  expect(visitor.traffic.chatChunks()).toEqual([]);
  expect(visitor.traffic.apiRequests()).toEqual([]);
});

test("without its scripts the page says how else to get in touch", async ({ visitor }) => {
  await visitor.page.route(/\.js$/, (route) => route.abort());
  await visitor.visit("/");
  await expect(visitor.page.getByRole("heading", { level: 1 })).toBeVisible();
  const link = visitor.page.getByRole("link", { name: "Write to us" });
  await expect(link).toHaveAttribute("href", /\/support$/);
});

test("if the chat cannot be loaded, the page still says how else to get in touch", async ({
  visitor,
}) => {
  await visitor.page.route(/matrix-support-chat-.*\.js$/, (route) => route.abort());
  const refused = visitor.page.waitForEvent("requestfailed");
  await visitor.visit("/");
  await refused;
  await visitor.page.waitForLoadState("networkidle");
  await expect(visitor.page.getByRole("link", { name: "Write to us" })).toBeVisible();
  await expect(visitor.launcher).toHaveCount(0);
});

test("before the chat is opened, the launcher's name follows the language", async ({ visitor }) => {
  const { page } = visitor;
  await visitor.visit();
  await expect(visitor.launcher).toBeVisible();
  await page.evaluate(() => (document.documentElement.lang = "de"));
  await expect(page.getByRole("button", { name: "Mit uns chatten" })).toBeVisible();
  await page.locator("matrix-support-chat").evaluate((it) => it.setAttribute("lang", "fr"));
  await expect(page.getByRole("button", { name: "Discuter avec nous" })).toBeVisible();
  expect(visitor.traffic.chatChunks()).toEqual([]);
});

test("a conversation: the first message makes the session, the bearer carries the others", async ({
  visitor,
  alice,
  archive,
}) => {
  await visitor.visit();
  await visitor.openChat();
  expect(visitor.traffic.sessionRequests()).toEqual([]);
  // The page's own router stores its scroll position.
  const { "vue-router:scroll": _, ...stored } = await visitor.sessionStorage();
  expect(stored).toEqual({});

  await visitor.say("Hello from another website");
  const session = await visitor.storedSession();
  await visitor.say("And a second message");

  const [creation, ...later] = visitor.traffic.sessionRequests();
  expect(new URL(creation?.url() ?? "").pathname).toBe(`${API_PATH}/sessions`);
  expect(await creation?.headerValue("authorization")).toBeNull();
  expect(later.filter((request) => request.method() === "POST")).toHaveLength(1);
  for (const request of later) {
    expect(new URL(request.url()).pathname).toContain(session.sessionId);
    expect(await request.headerValue("authorization")).toBe(`Bearer ${session.token}`);
  }

  const roomId = await alice.acceptInvite();
  await expect.poll(() => archive.visitorTexts(roomId)).toHaveLength(2);
  const [details] = await archive.messages(roomId);
  expect(details?.body).toContain(visitor.page.url());

  await alice.send(roomId, "First reply");
  await visitor.reads("First reply");
  await alice.send(roomId, "<b onclick=alert(1)>Second</b> <img src=x onerror=alert(1)>");
  await visitor.reads("<b onclick=alert(1)>Second</b> <img src=x onerror=alert(1)>");
  await expect(visitor.transcript.locator("b, img")).toHaveCount(0);
  for (const text of ["Hello from another website", "And a second message", "First reply"]) {
    expect(await visitor.timesRead(text), text).toBe(1);
  }
});

test("the page's own components know of the chat, and open it", async ({ visitor, alice }) => {
  const { page } = visitor;
  await visitor.visit();
  await expect(visitor.launcher).toBeVisible();
  await page.getByRole("button", { name: "Ask a person" }).click();
  await expect(visitor.panel).toContainText("Sales and support");
  await visitor.say("Hello from a component");
  await expect(page.getByText("You are talking to us.")).toBeVisible();
  const roomId = await alice.acceptInvite();
  await page.getByRole("button", { name: "Hide the chat" }).click();
  await expect(visitor.panel).toBeHidden();
  await alice.send(roomId, "Are you there?");
  await expect(page.getByText("New: 1")).toBeVisible();
  await visitor.openChat();
  await expect(page.getByText("New: 1")).toBeHidden();
  // Other stored items, and their order, do not matter.
  await page.evaluate(() => {
    const items = Object.entries({ ...sessionStorage }).filter(([key]) => key.startsWith("matrix-support-chat"));
    for (const [key] of items) sessionStorage.removeItem(key);
    sessionStorage["matrix-support-chat-a"] = sessionStorage["matrix-support-chat-sound"] = "{}";
    for (const [key, value] of items.reverse()) sessionStorage[key] = value;
  });
  await visitor.reload();
  await expect(page.getByText("You are talking to us.")).toBeVisible();
});

test("a reply comes with the poll that waits for it", async ({ visitor, alice }) => {
  const { page, traffic } = visitor;
  await visitor.beginConversation("I shall wait");
  const roomId = await alice.acceptInvite();
  const waits = (request: Request): boolean =>
    isPoll(request) && new URL(request.url()).searchParams.get("wait") === "25";
  await expect(visitor.transcript).toContainText("Delivered");
  await expect.poll(() => traffic.requests.filter(isPoll).slice(-1).every(waits)).toBe(true);

  const before = traffic.requests.filter(isPoll).length;
  const brought = page.waitForResponse(
    async (response) => isPoll(response.request()) && (await response.text()).includes("Here!"),
  );
  await alice.send(roomId, "Here!");
  const poll = (await brought).request();
  await visitor.reads("Here!");
  expect(waits(poll), poll.url()).toBe(true);
  // Either the waiting poll has returned it, or the next one.
  const since = traffic.requests.filter(isPoll).slice(before - 1);
  expect(since.indexOf(poll)).toBeLessThan(2);
});

test("polling ends when the visitor goes to another page, and the conversation does not", async ({
  visitor,
  alice,
}) => {
  const { page } = visitor;
  await page.clock.install();
  await visitor.beginConversation("I shall look around");
  const roomId = await alice.acceptInvite();
  await expect.poll(() => visitor.traffic.requests.some(isPoll)).toBe(true);

  await page.getByRole("link", { name: "About" }).click();
  await expect(page.locator("matrix-support-chat")).toHaveCount(0);
  const polls = visitor.traffic.requests.filter(isPoll).length;
  // Every timer of the next minutes fires.
  await page.clock.runFor("05:00");
  expect(visitor.traffic.requests.filter(isPoll)).toHaveLength(polls);

  await page.getByRole("link", { name: "Home" }).click();
  const resumed = page.waitForRequest(isPoll);
  await visitor.openChat();
  await resumed;
  await visitor.reads("I shall look around");
  await alice.send(roomId, "Welcome back");
  await visitor.reads("Welcome back");
});

test("a message that does not get through is kept, and Retry sends it", async ({
  visitor,
  alice,
}) => {
  await visitor.visit();
  await visitor.openChat();
  await visitor.loseNetwork();
  await visitor.write("Typed while the network was gone");
  await visitor.send();
  await expect(visitor.alert).toBeVisible();
  await expect(visitor.composer).toHaveValue("Typed while the network was gone");

  await visitor.recoverNetwork();
  await visitor.retry();
  await visitor.reads("Typed while the network was gone");
  await expect(visitor.alert).toBeHidden();
  await alice.acceptInvite();
});

for (const screen of SCREENS) {
  test(`the launcher covers nothing that matters at ${screen.width} px`, async ({ visitor }) => {
    const { page } = visitor;
    await page.setViewportSize(screen);
    await visitor.visit();
    // The documentation's rule follows from this.
    await expect.poll(async () => (await boxOf(visitor.launcher)).height).toBeLessThanOrEqual(56);
    await expect(visitor.launcher).toBeInViewport({ ratio: 1 });
    const launcher = await boxOf(visitor.launcher);
    const action = page.getByRole("link", { name: "Discuss your project" });
    await expect(action).toBeInViewport({ ratio: 1 });
    expect(overlap(launcher, await boxOf(action)), "the primary call to action").toBe(false);

    const footer = page.getByRole("contentinfo");
    await footer.scrollIntoViewIfNeeded();
    await page.evaluate(() => window.scrollTo(0, document.documentElement.scrollHeight));
    const contents = await contentsOf(footer);
    expect(contents.length).toBeGreaterThan(0);
    expect(
      contents.filter((content) => overlap(launcher, content)),
      "the footer's content",
    ).toEqual([]);
  });
}

function isPoll(request: Request): boolean {
  return request.method() === "GET" && new URL(request.url()).pathname.endsWith("/messages");
}

function scripts(visitor: Visitor): string[] {
  return visitor.traffic.requests.map((request) => new URL(request.url()).pathname);
}

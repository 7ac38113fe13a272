import { expect, test } from "../fixtures.ts";
import { API_PATH } from "../support/traffic.ts";
import { DRAFT_KEY, READ_KEY, STORAGE_KEY } from "../support/visitor.ts";

test("nothing is asked, fetched or stored before the visitor wants to chat", async ({
  visitor,
}) => {
  await visitor.visit();
  await expect(visitor.launcher).toBeVisible();
  await visitor.page.waitForLoadState("networkidle");

  expect(visitor.traffic.apiRequests()).toEqual([]);
  expect(visitor.traffic.chatChunks()).toEqual([]);
  expect(await visitor.sessionStorage()).toEqual({});
  expect(await visitor.localStorage()).toEqual({});
  expect(await visitor.page.context().cookies()).toEqual([]);

  // Opening the chat loads the widget, but does not begin a session.
  await visitor.openChat();
  expect(await visitor.sessionStorage()).toEqual({});
  await visitor.write("a draft");
  expect(visitor.traffic.chatChunks().sort()).toEqual(["chat", "en"]);
  expect(visitor.traffic.sessionRequests()).toEqual([]);
  expect(Object.keys(await visitor.sessionStorage())).toEqual([DRAFT_KEY]);
});

test("the token is kept for the tab, and carried by every later request", async ({
  visitor,
  alice,
}) => {
  await visitor.beginConversation("Who can see this?");
  const roomId = await alice.acceptInvite();
  await visitor.say("Only us?");
  await alice.send(roomId, "Only us.");
  await visitor.reads("Only us.");

  const stored = await visitor.sessionStorage();
  expect(Object.keys(stored).sort()).toEqual([STORAGE_KEY, READ_KEY]);
  const session = await visitor.storedSession();
  expect(Object.keys(session).sort()).toEqual(["api", "sessionId", "token"]);
  expect(await visitor.localStorage()).toEqual({});
  expect(await visitor.page.context().cookies()).toEqual([]);

  await visitor.endChat();
  await expect(visitor.panel).toContainText("This chat has ended");

  const [creation, ...later] = visitor.traffic.sessionRequests();
  expect(creation?.method()).toBe("POST");
  expect(new URL(creation?.url() ?? "").pathname).toBe(`${API_PATH}/sessions`);
  expect(await creation?.headerValue("authorization")).toBeNull();

  const operations = new Set<string>();
  for (const request of later) {
    const { pathname } = new URL(request.url());
    expect(pathname.startsWith(`${API_PATH}/sessions/${session.sessionId}/`), pathname).toBe(true);
    expect(await request.headerValue("authorization")).toBe(`Bearer ${session.token}`);
    expect(request.url()).not.toContain(session.token);
    operations.add(`${request.method()} ${pathname.split("/").pop()}`);
  }
  expect([...operations].sort()).toEqual(["GET messages", "POST close", "POST messages"]);
});

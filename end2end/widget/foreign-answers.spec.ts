import { STORAGE_KEY } from "../support/visitor.ts";
import { expect, test } from "./fixtures.ts";

const HTML = "<!doctype html><title>Sign in to this network</title>";

// The page of a proxy, or of a captive portal.
for (const status of [200, 400, 401, 403, 404, 410, 502]) {
  test(`a ${status} in HTML ends nothing and loses nothing`, async ({ visitor, api }) => {
    await visitor.beginConversation("Hello");
    const session = await visitor.storedSession();
    const page = { status, html: HTML };

    api.break("poll", page);
    const polls = api.count("poll");
    await expect.poll(() => api.count("poll")).toBeGreaterThan(polls);
    api.break("send", page);
    await visitor.write("Still here");
    await visitor.send();
    await expect(visitor.alert).toContainText("could not be sent");
    await expect(visitor.composer).toHaveValue("Still here");
    expect(await visitor.timesRead("Hello")).toBe(1);
    api.mend();
    await visitor.retry();
    await visitor.reads("Still here");

    api.break("close", page);
    await visitor.endChat();
    await expect(visitor.alert).toContainText("could not be ended");
    expect(await visitor.storedSession()).toEqual(session);
    api.mend();
    await visitor.endChat();
    await expect(visitor.panel).toContainText("This chat has ended");
    expect(api.count("create")).toBe(1);
    const keys = api.requests
      .filter(({ operation }) => operation === "send")
      .map(({ request }) => request.headers()["idempotency-key"]);
    expect(new Set(keys).size).toBe(1);
  });

  test(`a ${status} in HTML to a first message begins no second conversation`, async ({
    visitor,
    api,
  }) => {
    await visitor.visit();
    await visitor.openChat();
    api.break("create", { status, html: HTML });
    await visitor.write("Helo");
    await visitor.send();
    await expect(visitor.alert).toContainText("could not be sent");
    api.mend();
    // The request may have begun a conversation, so the message is repeated first, and the changed
    // text follows it.
    await visitor.write("Hello");
    await visitor.send();
    await expect.poll(() => api.last("send")["body"]).toBe("Hello");
    const keys = api.requests
      .filter(({ operation }) => operation === "create")
      .map(({ request }) => request.headers()["idempotency-key"]);
    expect(keys).toHaveLength(2);
    expect(new Set(keys).size).toBe(1);
  });
}

for (const [status, code] of [
  [401, "invalid_token"],
  [404, "session_not_found"],
] as const) {
  test(`${code} forgets the conversation, and what is sent begins another`, async ({
    visitor,
    api,
  }) => {
    await visitor.beginConversation("Hello");
    api.break("send", { status, code });
    await visitor.write("Anyone?");
    await visitor.send();
    await expect.poll(() => visitor.sessionStorage()).toMatchObject({
      [STORAGE_KEY]: expect.stringContaining('"s2"') as unknown,
    });
    await visitor.reads("Anyone?");
    expect(api.count("create")).toBe(2);
    expect(await visitor.timesRead("Hello")).toBe(0);
  });
}

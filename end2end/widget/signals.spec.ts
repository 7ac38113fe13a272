import { expect, test } from "./fixtures.ts";

test.beforeEach(({ api }) => {
  api.waitSeconds = 25;
  api.signals = {};
});

test("what staff have read is seen, and what they have not is delivered", async ({ visitor, api }) => {
  await visitor.beginConversation("One");
  await visitor.write("Two");
  await visitor.send();
  await visitor.reads("Two");
  await expect(visitor.transcript.getByText("Delivered")).toHaveCount(2);
  api.signal({ marks: { seen: "m1" } });
  await expect(visitor.transcript.getByText("Seen")).toHaveCount(1);
  await expect(visitor.transcript.getByText("Delivered")).toHaveCount(1);
  api.signal({ marks: { seen: "m2" } });
  await expect(visitor.transcript.getByText("Seen")).toHaveCount(2);
});

test("staff who type are shown, and spoken of once until they have answered", async ({
  visitor,
  api,
}) => {
  await visitor.beginConversation("Hello");
  await visitor.reads("Delivered");
  const typing = visitor.panel.getByRole("status").filter({ hasText: "Support is typing" });
  const live = visitor.panel.locator(".typing");
  api.signal({ staffTyping: true });
  await expect(typing).toBeVisible();
  await expect(live).toHaveAttribute("aria-live", "polite");
  api.signal({});
  await expect(typing).toBeHidden();
  api.signal({ staffTyping: true, marks: { seen: "m1" } });
  await expect(typing).toBeVisible();
  await expect(live).toHaveAttribute("aria-live", "off");
  api.signals = { marks: { seen: "m1" } };
  api.reply("Hi");
  await visitor.reads("Hi");
  await expect(typing).toBeHidden();
  await expect(live).toHaveAttribute("aria-live", "polite");
});

test("staff are told that the visitor types, and not at every key", async ({ visitor, api }) => {
  await visitor.visit();
  await visitor.openChat();
  await visitor.composer.pressSequentially("Hello");
  expect(api.count("typing"), "there is no conversation yet").toBe(0);
  await visitor.send();
  await visitor.reads("Delivered");
  await visitor.composer.pressSequentially("How much is it?");
  await expect.poll(() => api.count("typing")).toBeGreaterThan(0);
  expect(api.count("typing")).toBeLessThan(5);
  const { request } = api.requests.find((it) => it.operation === "typing") ?? {};
  expect(request?.headers()["authorization"]).toBe(`Bearer ${api.token}`);
  expect(request?.postDataJSON()).toBeNull();
});

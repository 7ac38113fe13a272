import { expect, test } from "./loopback-fixtures.ts";

test("what was sent offline goes out once, by itself, when the network is back", async ({
  visitor,
  api,
}) => {
  const context = visitor.page.context();
  await visitor.visit();
  await visitor.openChat();
  await context.setOffline(true);
  await visitor.write("In the tunnel");
  await visitor.send();
  await expect(visitor.alert).toContainText("You are offline");
  await expect(visitor.composer).toHaveValue("In the tunnel");
  await context.setOffline(false);
  await visitor.reads("In the tunnel");
  await expect(visitor.alert).toBeHidden();
  await expect(visitor.composer).toHaveValue("");

  // A later message is sent from a closed panel.
  await context.setOffline(true);
  await visitor.write("The next tunnel");
  await visitor.send();
  await expect(visitor.retryButton).toBeVisible();
  await visitor.closePanel();
  await context.setOffline(false);
  await api.takes("The next tunnel");
  expect(api.sessions).toHaveLength(1);
  expect(api.taken.map(({ body }) => body)).toEqual(["In the tunnel", "The next tunnel"]);
});

test("what the visitor has begun to change waits for them", async ({ visitor, api }) => {
  const context = visitor.page.context();
  await visitor.beginConversation("Hello");
  await context.setOffline(true);
  await visitor.write("Helo again");
  await visitor.send();
  await expect(visitor.retryButton).toBeVisible();
  await visitor.write("Hello again");
  await context.setOffline(false);
  await expect(visitor.alert).not.toContainText("offline");
  await expect(visitor.composer).toHaveValue("Hello again");
  await visitor.send();
  await visitor.reads("Hello again");
  // The transcript shows the message while it is being sent.
  await api.takes("Hello again");
  expect(api.taken.map(({ body }) => body)).toEqual(["Hello", "Hello again"]);
});

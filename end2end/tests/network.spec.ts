import { expect, test } from "../fixtures.ts";
import { DRAFT_KEY } from "../support/visitor.ts";

test("a first message that does not get through is kept, and Retry delivers it once", async ({
  visitor,
  alice,
  archive,
}) => {
  const text = "Typed while the network was gone";
  await visitor.visit();
  await visitor.openChat();
  await visitor.loseNetwork();
  await visitor.write(text);
  await visitor.send();

  await expect(visitor.alert).toBeVisible();
  await expect(visitor.retryButton).toBeEnabled();
  await expect(visitor.composer).toHaveValue(text);
  expect(Object.keys(await visitor.sessionStorage())).toEqual([DRAFT_KEY]);

  await visitor.recoverNetwork();
  await visitor.retry();
  await visitor.reads(text);
  await expect(visitor.alert).toBeHidden();
  await expect(visitor.composer).toHaveValue("");

  const roomId = await alice.waitForInvite();
  await visitor.say("and the next one");
  await expect.poll(() => archive.visitorTexts(roomId)).toEqual([text, "and the next one"]);
  expect(alice.newRooms()).toEqual([roomId]);
});

test("a first message whose answer was lost makes one room, not two", async ({
  visitor,
  alice,
  archive,
}) => {
  const text = "Did you get this?";
  await visitor.visit();
  await visitor.openChat();
  await visitor.loseAnswers();
  await visitor.write(text);
  await visitor.send();

  // The server has accepted it, though the browser does not know.
  const roomId = await alice.waitForInvite();
  await expect(visitor.retryButton).toBeEnabled();
  await expect(visitor.composer).toHaveValue(text);

  await visitor.recoverNetwork();
  await visitor.retry();
  await visitor.reads(text);
  await visitor.say("a second one");
  await expect.poll(() => archive.visitorTexts(roomId)).toEqual([text, "a second one"]);
  expect(alice.newRooms()).toEqual([roomId]);
  expect(await visitor.timesRead(text)).toBe(1);
});

test("a later message whose answer was lost is delivered once", async ({
  visitor,
  alice,
  archive,
}) => {
  const text = "Sent, and the answer lost";
  await visitor.beginConversation("Hello");
  const roomId = await alice.acceptInvite();

  await visitor.loseAnswers();
  await visitor.write(text);
  await visitor.send();
  await alice.waitForText(roomId, text);
  await expect(visitor.alert).toBeVisible();
  await expect(visitor.retryButton).toBeEnabled();
  await expect(visitor.composer).toHaveValue(text);

  await visitor.recoverNetwork();
  await visitor.retry();
  await expect(visitor.alert).toBeHidden();
  await visitor.say("the last one");
  await expect.poll(() => archive.visitorTexts(roomId)).toEqual(["Hello", text, "the last one"]);
  await alice.send(roomId, "Got them all.");
  await visitor.reads("Got them all.");
  expect(await visitor.timesRead(text)).toBe(1);
});

test("an offline visitor is told, loses nothing, and goes on when back online", async ({
  visitor,
  alice,
  archive,
}) => {
  await visitor.beginConversation("Before the tunnel");
  const roomId = await alice.acceptInvite();

  await visitor.page.context().setOffline(true);
  await expect(visitor.alert).toBeVisible();
  await visitor.write("In the tunnel");
  await visitor.send();
  await expect(visitor.retryButton).toBeVisible();
  await expect(visitor.composer).toHaveValue("In the tunnel");
  // Staff do not have to wait until the visitor returns.
  await alice.send(roomId, "Are you still there?");

  await visitor.page.context().setOffline(false);
  await visitor.reads("In the tunnel");
  await visitor.reads("Are you still there?");
  await expect(visitor.alert).toBeHidden();

  await visitor.say("After the tunnel");
  await expect
    .poll(() => archive.visitorTexts(roomId))
    .toEqual(["Before the tunnel", "In the tunnel", "After the tunnel"]);
});

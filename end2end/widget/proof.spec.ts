import { expect, test } from "./fixtures.ts";

test("a proof of work is made by itself, and the message goes out once", async ({ visitor, api }) => {
  const chunks: string[] = [];
  visitor.page.on("request", (request) => {
    if (request.url().includes("/chunks/proof-")) chunks.push(request.url());
  });
  await visitor.visit();
  await visitor.openChat();
  await visitor.write("Hello");
  expect(chunks).toEqual([]);
  api.proofsWanted = 2;
  await visitor.send();
  await expect.poll(() => api.count("create")).toBe(3);
  await visitor.reads("Delivered");
  await expect(visitor.alert).toBeHidden();
  expect(await visitor.timesRead("Hello")).toBe(1);
  expect(chunks).toHaveLength(1);

  const creations = api.requests.filter(({ operation }) => operation === "create");
  const keys = creations.map(({ request }) => request.headers()["idempotency-key"]);
  expect(keys).toEqual([keys[0], keys[0], keys[0]]);
  const bodies = creations.map(({ request }) => request.postDataJSON() as { proof?: string });
  expect(bodies.map(({ proof }) => typeof proof)).toEqual(["undefined", "string", "string"]);
  expect(bodies).toEqual(bodies.map(({ proof }) => ({ ...bodies[0], ...(proof && { proof }) })));
});

test("while it is made the message is being sent, and the page goes on", async ({ visitor, api }) => {
  await visitor.visit();
  await visitor.openChat();
  await visitor.write("Hello");
  // More work than any server demands.
  api.proofNumber = 4_000_000;
  api.proofsWanted = 1;
  await visitor.send();
  await expect.poll(() => api.count("create")).toBe(1);
  await visitor.write("Second");
  await expect(visitor.composer).toHaveValue("Second");
  await expect(visitor.panel).toContainText("Sending");
  expect(api.count("create")).toBe(1);
  await expect.poll(() => api.count("create"), { timeout: 60_000 }).toBe(2);
  await visitor.reads("Hello");
  await expect(visitor.composer).toHaveValue("Second");
});

test("without what makes it, or where it is never enough, the message is kept", async ({
  visitor,
  api,
}) => {
  const { page } = visitor;
  api.proofsWanted = 100;
  await page.route("**/chunks/proof-*", (route) => route.abort("connectionfailed"));
  await visitor.visit();
  await visitor.openChat();
  await visitor.write("Hello");
  await visitor.send();
  await expect(visitor.alert).toContainText("could not be sent");
  await expect(visitor.composer).toHaveValue("Hello");

  // Some browsers remember failed loads of a script for the lifetime of a page.
  await page.unroute("**/chunks/proof-*");
  const before = api.count("create");
  // The next page sends the stored message by itself, with three proofs.
  await visitor.reload();
  await visitor.openChat();
  await expect.poll(() => api.count("create")).toBe(before + 4);
  await expect(visitor.alert).toContainText("could not be sent");
  await expect(visitor.composer).toHaveValue("Hello");
  api.proofsWanted = 1;
  await visitor.retry();
  await visitor.reads("Hello");
});


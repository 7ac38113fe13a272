import { reactSite } from "../../support/site.ts";
import type { Visitor } from "../../support/visitor.ts";
import { expect, test } from "./fixtures.ts";

test.use({ site: reactSite() });

test("with the component, the page and the chat know of each other", async ({ visitor, alice }) => {
  const { page } = visitor;
  await visitor.visit();
  await page.getByRole("button", { name: "Ask a person" }).click();
  await expect(visitor.panel).toContainText("From React");
  await visitor.say("Hello from React");
  const roomId = await alice.acceptInvite();
  await alice.send(roomId, "Hello back");
  await visitor.reads("Hello back");
  await expect(page.getByText("1 from us")).toBeVisible();
  await visitor.closePanel();
  await expect(page.getByRole("button", { name: "Ask a person" })).toBeVisible();
});

test("with the element, its properties arrive", async ({ visitor, archive, alice }) => {
  await visitor.visit("/element");
  await visitor.openChat();
  await expect(visitor.panel).toContainText("From React");
  await visitor.say("Hello from React");
  await expect(visitor.page.getByText("Sent", { exact: true }).first()).toBeVisible();
  const [details] = await archive.messages(await alice.acceptInvite());
  expect(details?.body).toContain("Ada");
});

/** What the console says about the element from now on. */
function adviceTo(visitor: Visitor): string[] {
  const said: string[] = [];
  visitor.page.on("console", (message) => {
    if (message.text().includes("<matrix-support-chat>")) said.push(message.text());
  });
  return said;
}

test("an address of the API that is missing is said", async ({ visitor }) => {
  const said = adviceTo(visitor);
  await visitor.visit("/no-api");
  await expect.poll(() => said).toEqual([expect.stringContaining("there is no chat without api-url")]);
  await expect(visitor.launcher).toHaveCount(0);
});

test("what React writes before the definition, and cannot work, is said once", async ({ visitor }) => {
  const said = adviceTo(visitor);
  await visitor.visit("/early");
  await expect.poll(() => said).toHaveLength(2);
  expect(said.join()).toContain('enabled="" shows no chat');
  expect(said.join()).toContain("messages is a property");
});

test("without the chat's scripts the page says how else to get in touch", async ({ visitor }) => {
  await visitor.page.route(/matrix-support-chat-.*\.js$/, (route) => route.abort());
  await visitor.visit();
  await expect(visitor.page.getByRole("link", { name: "Write to us" })).toBeVisible();
});

test("and where the page says nothing, the server's own page does", async ({ visitor }) => {
  const { page } = visitor;
  await page.route(/matrix-support-chat-.*\.js$/, (route) => route.abort());
  await visitor.visit("/bare");
  const link = page.getByRole("link", { name: "Chat with us" });
  await expect(link).toHaveAttribute("href", /^http.*[^/]\/support$/);
  await expect(link).toHaveAttribute("target", "_blank");
});

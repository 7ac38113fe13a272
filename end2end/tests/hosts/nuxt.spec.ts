import { nuxtSite } from "../../support/site.ts";
import { expect, test } from "./fixtures.ts";

test.use({ site: nuxtSite() });

test("on a page that Nuxt has rendered, a visitor writes, and reads the answer", async ({
  visitor,
  alice,
}) => {
  await visitor.visit();
  await visitor.openChat();
  await expect(visitor.panel).toContainText("From Nuxt");
  await visitor.say("Hello from Nuxt");
  await expect(visitor.page.getByText("You are talking to us.")).toBeVisible();
  const roomId = await alice.acceptInvite();
  await alice.send(roomId, "Hello back");
  await visitor.reads("Hello back");
});

test("the page has the panel in its hand, and knows when the visitor closes it", async ({ visitor }) => {
  const { page } = visitor;
  await visitor.visit();
  await expect(visitor.launcher).toBeVisible();
  await page.getByRole("button", { name: "Ask a person" }).click();
  await expect(visitor.panel).toBeVisible();
  await page.getByRole("button", { name: "Hide the chat" }).click();
  await expect(visitor.panel).toBeHidden();
  await visitor.openChat();
  await expect(page.getByRole("button", { name: "Hide the chat" })).toBeVisible();
  await visitor.closePanel();
  await expect(page.getByRole("button", { name: "Ask a person" })).toBeVisible();
});

test("without its scripts the page says how else to get in touch", async ({ visitor }) => {
  await visitor.page.route(/\.js$/, (route) => route.abort());
  await visitor.visit();
  const link = visitor.page.getByRole("link", { name: "Write to us" });
  await expect(link).toHaveAttribute("href", /\/support$/);
});

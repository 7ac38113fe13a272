import { vueSite } from "../../support/site.ts";
import { expect, test } from "./fixtures.ts";

test.use({ site: vueSite("ssg") });

test("on a page that vite-ssg has rendered, the chat opens", async ({ visitor }) => {
  const said: string[] = [];
  visitor.page.on("console", (message) => said.push(message.text()));
  await visitor.visit();
  await visitor.openChat();
  await expect(visitor.panel).toContainText("Sales and support");
  expect(said.filter((it) => /hydrat|matrix-support-chat/i.test(it))).toEqual([]);
});

test("without its scripts the page says how else to get in touch", async ({ visitor }) => {
  await visitor.page.route(/\.js$/, (route) => route.abort());
  await visitor.visit();
  await expect(visitor.page.getByRole("link", { name: "Write to us" })).toBeVisible();
});

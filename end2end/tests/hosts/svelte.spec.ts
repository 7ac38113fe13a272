import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";

import { type Site, svelteSite } from "../../support/site.ts";
import { expect, test } from "./fixtures.ts";

test.use({ site: svelteSite() });

test("on a page that SvelteKit has rendered, the page and the chat know of each other", async ({
  visitor,
  archive,
  alice,
}) => {
  const { page } = visitor;
  const said: string[] = [];
  page.on("console", (message) => said.push(message.text()));
  await visitor.visit();
  await expect(visitor.launcher).toBeVisible();
  await page.getByRole("button", { name: "Ask a person" }).click();
  await expect(visitor.panel).toContainText("From Svelte");
  // Texts may change while the chat is running.
  await page.getByRole("button", { name: "Say something else" }).click();
  await expect(visitor.panel).toContainText("Still from Svelte");
  await visitor.say("Hello from Svelte");
  await expect(page.getByText("Sent", { exact: true }).first()).toBeVisible();
  const roomId = await alice.acceptInvite();
  const [details] = await archive.messages(roomId);
  expect(details?.body).toContain("Ada");
  await alice.send(roomId, "Hello back");
  await visitor.reads("Hello back");
  await page.getByRole("button", { name: "Hide the chat" }).click();
  await expect(visitor.panel).toBeHidden();
  expect(said.filter((it) => it.includes("<matrix-support-chat>"))).toEqual([]);
});

test("without its scripts the page says how else to get in touch", async ({ visitor }) => {
  await visitor.page.route(/\.js$/, (route) => route.abort());
  await visitor.visit();
  const link = visitor.page.getByRole("link", { name: "Write to us" });
  await expect(link).toHaveAttribute("href", /\/support$/);
  visitor.complaints.length = 0; // Of the script in the page, which imports the others.
});

test("without the chat's scripts the page still says how else to get in touch", async ({ visitor, site }) => {
  const { page } = visitor;
  const launcher = await launcherOf(site);
  await page.route((url) => url.pathname.endsWith(`/${launcher}`), (route) => route.abort());
  const refused = page.waitForEvent("requestfailed");
  await visitor.visit();
  expect((await refused).url()).toContain(launcher);
  await page.waitForLoadState("networkidle");
  await expect(page.getByRole("link", { name: "Write to us" })).toBeVisible();
  await expect(visitor.launcher).toHaveCount(0);
});

/** The file that contains the launcher's script. The bundler has given it a meaningless name. */
async function launcherOf({ directories: [site] }: Site): Promise<string> {
  const root = site?.[1] ?? "";
  for (const name of await readdir(root, { recursive: true })) {
    if (name.endsWith(".js") && (await readFile(join(root, name), "utf8")).includes("customElements.define")) return basename(name);
  }
  throw new Error("no script of the site defines the element");
}

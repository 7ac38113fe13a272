import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

import type { Locator, Page } from "@playwright/test";

import { expect, test } from "../fixtures.ts";
import { dumpDatabase } from "../support/database.ts";
import { environment } from "../support/environment.ts";
import { found, type Secret } from "../support/secrets.ts";

const COOKIE = "__Secure-support-chat";

test.use({ javaScriptEnabled: false });

/** The chat as a page, found by the roles and names that people use. */
class SupportPage {
  readonly page: Page;
  readonly conversation: Locator;
  readonly message: Locator;
  readonly send: Locator;
  readonly check: Locator;
  readonly end: Locator;
  readonly alert: Locator;

  constructor(page: Page) {
    this.page = page;
    this.conversation = page.getByRole("region", { name: "Conversation" });
    this.message = page.getByRole("textbox", { name: "Message" });
    this.send = page.getByRole("button", { name: "Send" });
    this.check = page.getByRole("button", { name: "Check for replies" });
    this.end = page.getByRole("button", { name: "End chat" });
    this.alert = page.getByRole("alert");
  }

  async say(text: string): Promise<void> {
    await this.message.fill(text);
    await this.send.click();
    await this.reads(text);
    await expect(this.page).toHaveURL("/support");
  }

  async reads(text: string): Promise<void> {
    await expect(this.conversation.getByText(text, { exact: true })).toBeVisible();
  }

  /** Checks for replies until this one has arrived. */
  async awaits(text: string): Promise<void> {
    const line = this.conversation.getByText(text, { exact: true });
    await expect(async () => {
      await this.check.click();
      await expect(line).toBeVisible({ timeout: 1_000 });
    }).toPass({ timeout: 45_000 });
  }
}

test("a whole conversation without JavaScript", async ({
  page,
  context,
  baseURL,
  alice,
  archive,
}) => {
  const chat = new SupportPage(page);
  const question = "Is <b>anybody</b> there?\nI have no scripts.";

  await page.goto("/");
  await page.getByRole("link", { name: "Write to us" }).click();
  await expect(page).toHaveURL("/support");
  expect(await context.cookies()).toEqual([]);

  await chat.message.fill(" \n ");
  await page.getByRole("textbox", { name: "Your name" }).fill("Ada");
  await chat.send.click();
  await expect(chat.alert).toContainText("The message is empty");
  await expect(chat.message).toHaveAccessibleDescription(/The message is empty/);
  await expect(page.getByRole("textbox", { name: "Your name" })).toHaveValue("Ada");

  await chat.say(question);
  const roomId = await alice.acceptInvite();
  await expect.poll(() => archive.visitorTexts(roomId)).toEqual([question]);
  const details = (await archive.messages(roomId)).find(({ msgtype }) => msgtype === "m.notice");
  expect(details?.body).toContain("Ada");
  expect(details?.body).toContain(`${baseURL}/`);

  await alice.send(roomId, "Yes, <i>somebody</i> is.");
  await chat.message.fill("Half a sen");
  await chat.awaits("Yes, <i>somebody</i> is.");
  await expect(chat.message).toHaveValue("Half a sen");

  await chat.message.fill("A whole sentence");
  await chat.send.dblclick();
  await chat.reads("A whole sentence");
  await alice.waitForText(roomId, "A whole sentence");
  await page.reload();
  await chat.say("And one more");
  await expect
    .poll(() => archive.visitorTexts(roomId))
    .toEqual([question, "A whole sentence", "And one more"]);
  expect(alice.newRooms()).toEqual([roomId]);

  const cookies = await context.cookies();
  expect(cookies).toMatchObject([
    { name: COOKIE, path: "/support", httpOnly: true, secure: true, sameSite: "Strict", expires: -1 },
  ]);
  const [, token = ""] = cookies[0]?.value.split(".") ?? [];
  expect(token.length).toBeGreaterThan(21);
  const secret: Secret[] = [{ name: "the session token", value: token }];
  expect(found(await page.content(), secret)).toEqual([]);
  expect(found(await readFile(environment.serverLog()), secret)).toEqual([]);
  expect(found(await dumpDatabase(), secret)).toEqual([]);

  await chat.end.click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("This chat has ended");
  await expect(chat.conversation).toHaveCount(0);
  await alice.waitForText(roomId, "The visitor ended the chat.");
});

test("a link on another site leads back into the conversation", async ({ page, baseURL }) => {
  const chat = new SupportPage(page);
  await page.goto("/support");
  await chat.say("Here I was");

  await page.route("https://elsewhere.example/", (route) =>
    route.fulfill({
      contentType: "text/html",
      body: `<a href="${baseURL}/support">Support</a>`,
    }),
  );
  await page.goto("https://elsewhere.example/");
  await page.getByRole("link", { name: "Support" }).click();
  await chat.reads("Here I was");
});

test("a form on another site says nothing in the visitor's name", async ({ page, baseURL }) => {
  const chat = new SupportPage(page);
  await page.goto("/support");
  await chat.say("This I wrote");

  await page.route("https://elsewhere.example/", (route) =>
    route.fulfill({
      contentType: "text/html",
      body: `
        <form method="post" action="${baseURL}/support/api/send">
          <input name="key" value="k"><input name="body" value="This I did not">
          <button>Win a prize</button>
        </form>
        <form method="post" action="${baseURL}/support/api/end"><button>End</button></form>`,
    }),
  );
  for (const name of ["Win a prize", "End"]) {
    await page.goto("https://elsewhere.example/");
    await page.getByRole("button", { name }).click();
    await expect(chat.alert).toContainText("Nothing was sent");
  }
  await page.goto("/support");
  await chat.reads("This I wrote");
  await expect(page.getByText("This I did not")).toHaveCount(0);
});

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

test.describe("for everybody", () => {
  // axe is a script, so JavaScript has to be enabled here.
  test.use({ javaScriptEnabled: true });

  for (const colorScheme of ["light", "dark"] as const) {
    test(`no state has a fault that axe finds or scrolls sideways, ${colorScheme}`, async ({
      page,
      alice,
    }) => {
      const chat = new SupportPage(page);
      const axe = await readFile(AXE, "utf8");
      const check = async (state: string) => {
        await page.evaluate(axe);
        const violations = await page.evaluate(async () => {
          const { axe } = window as unknown as {
            axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
          };
          const { violations } = await axe.run();
          return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html)}`);
        });
        expect(violations, state).toEqual([]);
        for (const width of [320, 1280]) {
          await page.setViewportSize({ width, height: 800 });
          const overflow = await page.evaluate(
            () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
          );
          expect(overflow, `${state}, ${width} px`).toBe(0);
        }
      };
      await page.emulateMedia({ colorScheme });

      await page.goto("/support");
      await check("nothing yet");
      await chat.message.fill("Hello");
      await page.getByRole("textbox", { name: "Your email" }).fill("nowhere");
      await chat.send.click();
      await expect(chat.alert).toContainText("not an email address");
      await check("a problem");
      await page.getByRole("textbox", { name: "Your email" }).fill("");
      await chat.say("unbroken".repeat(60));
      await check("a conversation");
      if (environment.maildir()) {
        const desk = await alice.enterDesk();
        const address = page.getByRole("textbox", { name: "Where may we answer if you leave?" });
        await alice.send(desk, "!away 23:59");
        await expect(async () => {
          await page.goto("/support");
          await expect(address).toBeVisible({ timeout: 1_000 });
        }).toPass({ timeout: 45_000 });
        await check("where to answer is asked");
        await address.fill("ada@example.org");
        await page.getByRole("button", { name: "Save the address" }).click();
        await expect(page.getByText("If you leave, we answer at ada@example.org.")).toBeVisible();
        await check("an address");
        await alice.send(desk, "!back");
      }
      await chat.end.click();
      await expect(page.getByRole("heading", { level: 1 })).toHaveText("This chat has ended");
      await check("its end");
    });
  }
});

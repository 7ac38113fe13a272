import { readFile } from "node:fs/promises";

import { expect, test } from "../fixtures.ts";
import { environment } from "../support/environment.ts";
import { Maildir } from "../support/maildir.ts";

const FIRST = "Is anybody there so late?";
const ANSWER = "At nine o'clock we are. How many products are there?";
const BACK = "About forty.";

test.afterEach(async ({ alice }) => {
  await alice.send(await alice.enterDesk(), "!back");
});

test("nobody is there, and still the conversation goes round: mail, link, another browser, end", async ({
  visitor,
  alice,
  browser,
}) => {
  const maildir = environment.maildir();
  test.skip(!maildir, "no mail server can run here");
  test.setTimeout(240_000);
  const mailbox = new Maildir(maildir ?? "");
  const address = `ada-${crypto.randomUUID()}@example.org`;
  const desk = await alice.enterDesk();

  await test.step("after hours the panel says so, and a visitor leaves an address", async () => {
    await alice.send(desk, "!away 23:59");
    await alice.waitForText(desk, "Away until");
    await visitor.visit();
    await visitor.openChat();
    await expect(visitor.panel).toContainText("You can write now: your message is kept.");
    await visitor.say(FIRST);
    await visitor.panel
      .getByRole("textbox", { name: "Where may we answer if you leave?" })
      .fill(address);
    await visitor.panel.getByRole("button", { name: "Save", exact: true }).click();
    await expect(visitor.panel).toContainText(`If you leave, we answer to ${address}.`);
  });

  const roomId = await test.step("the visitor leaves, and staff answer", async () => {
    const roomId = await alice.acceptInvite();
    await alice.waitForText(roomId, FIRST);
    await visitor.visit("about:blank");
    await alice.send(roomId, ANSWER);
    return roomId;
  });

  const link = await test.step("a mail arrives, without the answer's text", async () => {
    const mail = await mailbox.waitForMail(address, "/support/resume/");
    expect(mail).not.toContain("nine o'clock");
    await alice.waitForText(roomId, "The visitor was mailed that a text waits here");
    // Lines are folded with a `=` at their end, and a `=` is written as `=3D`.
    const [found] = /http:\S+\/support\/resume\/[\w-]+/.exec(mail.replaceAll("=\n", "")) ?? [];
    expect(found, "the link").toBeDefined();
    return found ?? "";
  });

  // Somebody's other browser: another profile, and without JavaScript.
  const elsewhere = await browser.newContext({ javaScriptEnabled: false });
  const page = await elsewhere.newPage();
  const conversation = page.getByRole("region", { name: "Conversation" });

  await test.step("the link opens the conversation in another browser, where it goes on", async () => {
    await page.goto(link);
    await page.getByRole("button", { name: "Go on with the conversation" }).click();
    await expect(page).toHaveURL(/\/support$/);
    await expect(conversation.getByText(FIRST, { exact: true })).toBeVisible();
    await expect(conversation.getByText(ANSWER, { exact: true })).toBeVisible();
    await page.getByRole("textbox", { name: "Message" }).fill(BACK);
    await page.getByRole("button", { name: "Send" }).click();
    await alice.waitForText(roomId, BACK);
  });

  await test.step("the conversation is mailed where the visitor asks for it", async () => {
    await page.getByRole("button", { name: "Mail me this conversation" }).click();
    await expect(page.getByRole("status")).toContainText("on its way to your mailbox");
    const mail = await mailbox.waitForMail(address, "Content-Disposition: attachment");
    expect(mail).toContain("support-chat-");
  });

  await test.step("it is ended, rated and saved", async () => {
    await page.getByRole("button", { name: "End chat" }).click();
    await page.getByRole("button", { name: "It helped", exact: true }).click();
    await expect(page.getByText("You said that it helped.")).toBeVisible();
    await alice.waitForText(roomId, "The visitor rated this conversation: good.");
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("link", { name: "Save this conversation" }).click(),
    ]);
    const saved = await readFile(await download.path(), "utf8");
    for (const text of [FIRST, ANSWER, BACK, "This chat has ended."]) expect(saved).toContain(text);
    expect(saved.split(ANSWER).length - 1, "said once").toBe(1);
  });
  await elsewhere.close();
});

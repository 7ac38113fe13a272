import { DRAFT_KEY } from "../support/visitor.ts";
import { expect, test } from "./fixtures.ts";

test("a failed text that the visitor deletes is withdrawn, and is not sent by a reload either", async ({ visitor, api }) => {
  await visitor.beginConversation("Hello");
  api.break("send", "unreachable");
  await visitor.write("My password");
  await visitor.send();
  await expect(visitor.alert).toContainText("It's still in the box below");
  const sent = api.count("send");
  await visitor.write("");
  await expect(visitor.alert).toBeHidden();
  await expect(visitor.retryButton).toBeHidden();
  expect(Object.keys(await visitor.sessionStorage())).not.toContain(DRAFT_KEY);

  api.mend();
  await visitor.reload();
  await visitor.openChat();
  await visitor.reads("Hello");
  await expect(visitor.composer).toHaveValue("");
  await expect(visitor.alert).toBeHidden();
  await visitor.say("Something else");
  expect(api.count("send")).toBe(sent + 1);
  expect(await visitor.timesRead("My password")).toBe(0);
});

test("a text that failed behind the next one is said to be above, and Retry sends it", async ({ visitor, api }) => {
  await visitor.beginConversation("Hello");
  api.break("send", "unreachable");
  const answer = api.hold("send");
  await visitor.write("First");
  await visitor.send();
  await visitor.write("Second");
  answer();
  await expect(visitor.alert).toContainText("It's marked “Not sent” above");
  await expect(visitor.alert).not.toContainText("box below");
  api.mend();
  await visitor.retry();
  await expect(visitor.alert).toBeHidden();
  await visitor.reads("First");
  await expect(visitor.composer).toHaveValue("Second");
  expect(api.last("send")).toEqual({ body: "First" });
});

for (const begins of [true, false]) {
  test(`what is sent while ${begins ? "the first" : "another"} message is on its way follows it, once`, async ({
    visitor,
    api,
  }) => {
    await visitor.visit();
    await visitor.openChat();
    if (!begins) await visitor.say("Hello");
    const answer = api.hold(begins ? "create" : "send");
    for (const text of ["One", "Two", "Three"]) {
      await visitor.composer.fill(text);
      await visitor.composer.press("Enter");
      await expect(visitor.composer).toHaveValue("");
      await visitor.reads(text);
    }
    const { outgoing } = JSON.parse((await visitor.sessionStorage())[DRAFT_KEY] ?? "{}");
    expect(outgoing.map((it: { body: string }) => it.body)).toEqual(["One", "Two", "Three"]);
    expect(new Set(outgoing.map((it: { key: string }) => it.key)).size).toBe(3);
    answer();
    await expect.poll(() => api.count("create") + api.count("send")).toBe(begins ? 3 : 4);
    await expect.poll(async () => Object.keys(await visitor.sessionStorage())).not.toContain(DRAFT_KEY);
    const said = api.requests
      .filter(({ operation }) => operation === "create" || operation === "send")
      .map(({ request }) => request.postDataJSON() as { initialMessage?: string; body?: string })
      .map((it) => it.initialMessage ?? it.body);
    expect(said.slice(-3)).toEqual(["One", "Two", "Three"]);
    for (const text of ["One", "Two", "Three"]) expect(await visitor.timesRead(text)).toBe(1);
  });
}

test("the countdown of a limit is in the digits of the language", async ({ visitor, host, api }) => {
  host.is({ lang: "ar", dir: "rtl" });
  const { page } = visitor;
  await visitor.visit();
  await page.locator("matrix-support-chat [part=launcher]").click();
  api.break("create", { status: 429, code: "rate_limited", retryAfter: 75 });
  const panel = page.locator("matrix-support-chat .panel");
  await panel.getByRole("textbox").fill("مرحبا");
  await panel.getByRole("textbox").press("Enter");
  const digits = await page.evaluate(() => [..."0123456789"].map((it) => Number(it).toLocaleString("ar")).join(""));
  await expect(panel.locator(".wait")).toHaveText(new RegExp(`[${digits[1]}]:[${digits}]{2}$`));
});

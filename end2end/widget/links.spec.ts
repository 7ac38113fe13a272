import { expect, test } from "./fixtures.ts";

/** A text and the links in it: the shown text of each, and its target if that differs. */
const TEXTS: [text: string, links: (string | [shown: string, goes: string])[]][] = [
  ["See https://example.com/a?b=c#d.", ["https://example.com/a?b=c#d"]],
  ["http://example.com, and HTTPS://example.com/x!", [
    ["http://example.com", "http://example.com/"],
    ["https://example.com/x", "https://example.com/x"],
  ]],
  ["(https://example.com/wiki/A_(b)) [https://example.com/?a[]=1]", [
    "https://example.com/wiki/A_(b)",
    "https://example.com/?a[]=1",
  ]],
  ["Price list (https://example.com/list), 'https://example.com/q'", [
    "https://example.com/list",
    "https://example.com/q",
  ]],
  ["Write to mailto:help@example.com?subject=Hi.", ["mailto:help@example.com?subject=Hi"]],
  ["<a href=\"https://example.com/\">x</a>", ["https://example.com/"]],
  ["https://de.example.com/wiki/Köln", [
    ["https://de.example.com/wiki/Köln", "https://de.example.com/wiki/K%C3%B6ln"],
  ]],
  // Nothing else becomes a link.
  ["javascript:alert(1) data:text/html,x ftp://example.com file:///etc vbscript:x www.example.com", []],
  ["xhttps://example.com https:// http://: mailto: a@example.com tel:123", []],
  // A user name before the host is not the host.
  ["https://bank.example@evil.example/ https://user:pass@example.com", []],
  // Letters that look like others: the host is shown in its ASCII form.
  ["https://www.аррӏе.com/login", [["https://www.xn--80ak6aa92e.com/login", "https://www.xn--80ak6aa92e.com/login"]]],
  ["https://example.com\\@evil.example", [["https://example.com", "https://example.com/"]]],
  ["https://%65xample.com/ http://0x7f.1/", ["https://example.com/", "http://127.0.0.1/"]],
  ["https://example.com/../a/./b", [["https://example.com/a/b", "https://example.com/a/b"]]],
  // Direction marks end an address, and what follows them stays text.
  ["https://example.com/\u202Egpj.exe", ["https://example.com/"]],
  ["https://example.com\u200b.evil.example", [["https://example.com", "https://example.com/"]]],
  ["https://例え.テスト。次", [["https://xn--r8jz45g.xn--zckzah/", "https://xn--r8jz45g.xn--zckzah/"]]],
];

test("addresses are links, and show where they go", async ({ visitor, api }) => {
  await visitor.beginConversation("Mine: https://own.example/");
  for (const [text] of TEXTS) api.reply(text);
  await visitor.reads("次");
  const lines = visitor.transcript.locator(".text");
  for (const [index, [text, links]] of TEXTS.entries()) {
    const line = lines.nth(index + 1);
    const found = await line.locator("a").evaluateAll((them) =>
      them.map((it) => [it.textContent, (it as HTMLAnchorElement).href]),
    );
    expect(found, text).toEqual(links.map((it) => (typeof it === "string" ? [it, it] : it)));
  }
  const own = lines.first().locator("a");
  await expect(own).toHaveText("https://own.example/");
  await expect(own).toHaveAttribute("rel", "noopener noreferrer nofollow");
  await expect(own).toHaveAttribute("target", "_blank");
  // Everything else is shown as text.
  await expect(lines.nth(6)).toHaveText('<a href="https://example.com/">x</a>');
});

test("an address reads from left to right, whatever is around and in it", async ({ visitor, api }) => {
  await visitor.beginConversation("Hello");
  api.reply("\u202Eשלום https://example.com/אב/evil.example שלום");
  await visitor.reads("evil.example");
  const link = visitor.transcript.getByRole("link");
  const order = await link.evaluate((it) => {
    const text = it.firstChild;
    const range = document.createRange();
    return [...(text?.textContent ?? "")].map((_, at) => {
      range.setStart(text as Node, at);
      range.setEnd(text as Node, at + 1);
      return Math.round(range.getBoundingClientRect().top) * 10_000 + range.getBoundingClientRect().left;
    });
  });
  expect(order).toEqual(order.toSorted((one, other) => one - other));
});

test("a link opens a tab of its own, which knows nothing of ours", async ({ visitor, api, host }) => {
  host.is({ lang: "en" });
  await visitor.beginConversation("Hello");
  api.reply("https://host.example/elsewhere");
  await visitor.reads("elsewhere");
  const elsewhere = { contentType: "text/html", body: "<!doctype html><title>Elsewhere</title>" };
  await visitor.page.context().route("**/elsewhere", (route) => route.fulfill(elsewhere));
  const opened = visitor.page.waitForEvent("popup");
  await visitor.transcript.getByRole("link").click();
  const popup = await opened;
  await popup.waitForURL("**/elsewhere");
  expect(await popup.evaluate(() => window.opener)).toBeNull();
  await expect(visitor.panel).toBeVisible();
});

test("an edit's addresses are links too", async ({ visitor, api }) => {
  await visitor.beginConversation("Hello");
  const reply = api.reply("https://exmaple.com/");
  await visitor.reads("exmaple");
  api.change(reply, "https://example.com/");
  await expect(visitor.transcript.getByRole("link")).toHaveText("https://example.com/");
});

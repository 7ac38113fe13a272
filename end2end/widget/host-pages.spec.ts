import { expect, test } from "./fixtures.ts";

/** Acts like a translator, which wraps and replaces every text of the panel. */
const TRANSLATE = `
  const wrap = (node) => {
    for (const child of [...node.childNodes]) {
      if (child.nodeType === Node.TEXT_NODE && child.data.trim()) {
        const font = document.createElement("font");
        font.className = "translated";
        font.textContent = "[" + child.data + "]";
        child.replaceWith(font);
      } else if (child.localName !== "font") {
        wrap(child);
      }
    }
  };
  window.translate = () => wrap(document.querySelector("matrix-support-chat").shadowRoot);
`;

test("what a translator wraps can be clicked, and stays translated", async ({
  visitor,
  host,
  api,
}) => {
  host.is({ lang: "en", scripts: { "/translate.js": TRANSLATE } });
  const { page } = visitor;
  const translate = (): Promise<void> =>
    page.evaluate(() => (window as unknown as { translate(): void }).translate());
  const words = (text: string) => visitor.panel.locator("font", { hasText: text });

  await visitor.beginConversation("Hello");
  api.break("send", "unreachable");
  await visitor.write("Again");
  await visitor.send();
  await expect(visitor.alert).toBeVisible();
  await translate();
  api.mend();
  await words("[Retry]").click();
  await visitor.reads("Again");

  // Polls continue, and do not undo the translation.
  const polls = api.count("poll");
  await expect.poll(() => api.count("poll")).toBeGreaterThan(polls + 1);
  await expect(words("[Hello]")).toBeVisible();
  await words("[End chat]").first().click();
  await words("[End chat]").last().click();
  await expect(visitor.panel).toContainText("This chat has ended");
  await translate();
  await visitor.page.evaluate(() => dispatchEvent(new Event("online")));
  await expect(words("[This chat has ended.]")).toBeVisible();
  await words("[Start a new chat]").click();
  await expect(visitor.composer).toBeFocused();
});

const SLOTTED = `
  <a href="#email">Email us</a>
  <button name="send">Send a letter</button>
  <button name="end">End it</button>
  <button name="close">Close it</button>`;

test("buttons in the element's content are the page's own, whatever their names", async ({
  visitor,
  host,
  api,
}) => {
  host.is({ lang: "en", content: SLOTTED });
  const { page } = visitor;
  await visitor.beginConversation("Hello");
  api.break("send", "unreachable");
  await visitor.write("Kept");
  await visitor.send();
  await expect(visitor.alert).toBeVisible();
  api.mend();
  const before = api.requests.filter(({ operation }) => operation !== "poll").length;
  for (const name of ["Send a letter", "End it", "Close it"]) {
    await page.getByRole("button", { name }).click();
  }
  await expect(visitor.panel).toBeVisible();
  await expect(visitor.composer).toHaveValue("Kept");
  expect(api.requests.filter(({ operation }) => operation !== "poll")).toHaveLength(before);
});

test("a link in the element's content works on a panel that covers the page", async ({
  visitor,
  host,
  api,
}) => {
  host.is({ lang: "en", content: SLOTTED });
  const { page } = visitor;
  await page.setViewportSize({ width: 360, height: 640 });
  await visitor.visit();
  await visitor.openChat();
  api.break("create", "unreachable");
  await visitor.write("Hello");
  await visitor.send();
  const link = page.getByRole("link", { name: "Email us" });
  await link.click();
  await expect(page).toHaveURL(/#email$/);
  await expect(visitor.panel).toBeVisible();
  // The same with the keyboard.
  await visitor.retryButton.focus();
  await page.keyboard.press("Shift+Tab");
  await expect(page.getByRole("button", { name: "Close it" })).toBeFocused();
  await expect(visitor.panel).toBeVisible();
});

/** Keyboard shortcuts as many pages implement them, which check the tag of the event's target. */
const SHORTCUTS = `
  window.eaten = [];
  for (const type of ["keydown", "keypress", "keyup"]) {
    document.addEventListener(type, (event) => {
      if (["INPUT", "TEXTAREA"].includes(event.target.tagName)) return;
      window.eaten.push(type + " " + event.key);
      if ("sa/".includes(event.key)) event.preventDefault();
    });
  }
`;

test("a page's shortcuts take nothing of what is written, and work outside of the panel", async ({
  visitor,
  host,
}) => {
  host.is({ lang: "en", scripts: { "/shortcuts.js": SHORTCUTS } });
  const { page } = visitor;
  const eaten = (): Promise<string[]> =>
    page.evaluate(() => (window as unknown as { eaten: string[] }).eaten);
  await visitor.visit();
  await visitor.openChat();
  await visitor.composer.pressSequentially("please/as");
  await expect(visitor.composer).toHaveValue("please/as");
  await visitor.composer.press("Tab");
  await visitor.composer.press("Escape");
  expect(await eaten()).not.toContain("keydown s");
  expect((await eaten()).filter((it) => it.startsWith("keydown"))).toEqual([]);
  await expect(visitor.launcher).toBeFocused();
  await page.keyboard.press("s");
  expect(await eaten()).toContain("keydown s");
});

test("neither launcher nor panel is on paper", async ({ visitor, host }) => {
  host.is({ lang: "en", stylesheet: "matrix-support-chat { display: block }" });
  const { page } = visitor;
  await visitor.visit();
  await page.emulateMedia({ media: "print" });
  await expect(visitor.launcher).toBeHidden();
  await page.emulateMedia({ media: "screen" });
  await visitor.openChat();
  await page.emulateMedia({ media: "print" });
  await expect(visitor.panel).toBeHidden();
  await expect(visitor.launcher).toBeHidden();
  await page.emulateMedia({ media: "screen" });
  await expect(visitor.panel).toBeVisible();
});

test("a page that asks for Trusted Types has a chat, links included", async ({ visitor, host, api }) => {
  host.is({
    lang: "en",
    content: '<a href="#email">Email us</a>',
    policy: "require-trusted-types-for 'script'; trusted-types 'none'",
  });
  await visitor.beginConversation("Hello");
  api.reply("See https://host.example/prices");
  await expect(visitor.panel.getByRole("link", { name: "https://host.example/prices" })).toBeVisible();
  api.break("send", "unreachable");
  await visitor.write("Again");
  await visitor.send();
  await expect(visitor.alert).toBeVisible();
  await expect(visitor.page.getByRole("link", { name: "Email us" })).toBeVisible();
  api.mend();
  await visitor.retry();
  await visitor.reads("Again");
});

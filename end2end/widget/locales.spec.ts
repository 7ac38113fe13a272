import { expect, test } from "./fixtures.ts";

const LOCALES = {
  ar: { launcher: "تحدثوا معنا", panel: "محادثة الدعم", message: "الرسالة", send: "إرسال" },
  de: { launcher: "Mit uns chatten", panel: "Support-Chat", message: "Nachricht", send: "Senden" },
  en: { launcher: "Chat with us", panel: "Support chat", message: "Message", send: "Send" },
  es: {
    launcher: "Chatee con nosotros",
    panel: "Chat de soporte",
    message: "Mensaje",
    send: "Enviar",
  },
  fr: {
    launcher: "Discuter avec nous",
    panel: "Chat d’assistance",
    message: "Message",
    send: "Envoyer",
  },
  uk: {
    launcher: "Написати нам",
    panel: "Чат підтримки",
    message: "Повідомлення",
    send: "Надіслати",
  },
};

for (const [lang, texts] of Object.entries(LOCALES)) {
  test(`a page in ${lang} has a chat in ${lang}`, async ({ visitor, host }) => {
    const { page } = visitor;
    host.is({ lang, dir: lang === "ar" ? "rtl" : "ltr" });
    await visitor.visit();
    await page.getByRole("button", { name: texts.launcher, exact: true }).click();
    const panel = page.getByRole("dialog", { name: texts.panel });
    await expect(panel).toHaveAttribute("lang", lang);
    await panel.getByRole("textbox", { name: texts.message }).fill("?");
    await panel.getByRole("button", { name: texts.send, exact: true }).click();
    await expect(panel.getByRole("log")).toContainText("?");
    expect(visitor.traffic.chatChunks().sort()).toEqual([lang, "chat"].sort());
  });
}

for (const lang of Object.keys(LOCALES)) {
  test(`the locale and the chat are asked for at once: ${lang}`, async ({ visitor, host }) => {
    const { page } = visitor;
    host.is({ lang });
    const locale = page.waitForRequest(`**/chunks/${lang}-*.js`);
    await page.route("**/chunks/chat-*.js", async (route) => {
      await locale;
      await route.fallback();
    });
    await visitor.visit();
    await page.getByRole("button").click();
    await expect(page.getByRole("dialog")).toHaveAttribute("lang", lang);
  });
}

const CHOICES = [
  { page: "de-AT", attributes: "", is: "de", why: "a region's language" },
  { page: "de", attributes: 'lang="fr-CA"', is: "fr", why: "the attribute before the page" },
  { page: "xx", attributes: "", is: "en", why: "English for a language that there is none of" },
  { page: "eng", attributes: "", is: "en", why: "English for a code of three letters" },
  { page: "DEU", attributes: "", is: "en", why: "and for one that begins like another" },
  { page: "de", attributes: 'lang="fra"', is: "en", why: "and for such a one of the element" },
  { page: "fr", attributes: 'lang="ara-EG"', is: "en", why: "and with a region" },
  { page: "spa", attributes: "", is: "en", why: "and for Spanish" },
  { page: "ukr", attributes: "", is: "en", why: "and for Ukrainian" },
  { page: "constructor", attributes: "", is: "en", why: "and for what is no language" },
  { page: undefined, attributes: "", is: "en", why: "the browser's where the page says nothing" },
];

for (const { page, attributes, is, why } of CHOICES) {
  test(`the language: ${why}`, async ({ visitor, host }) => {
    host.is({ ...(page !== undefined && { lang: page }), attributes });
    await visitor.visit();
    await visitor.page.getByRole("button").click();
    await expect(visitor.page.getByRole("dialog")).toHaveAttribute("lang", is);
  });
}

test("the chat follows the page's language, and loses nothing", async ({ visitor, api, host }) => {
  const { page } = visitor;
  host.is({ lang: "en" });
  await page.clock.setFixedTime("2026-05-24T08:00:00Z");
  await visitor.beginConversation("Hello");
  api.reply("Welcome");
  await visitor.reads("Welcome");
  api.break("send", "unreachable");
  await visitor.write("Not sent yet");
  await visitor.send();
  await expect(visitor.alert).toContainText("could not be sent");
  await visitor.composer.focus();
  const lines = await visitor.transcript.locator("[part=message]").elementHandles();

  await page.locator("html").evaluate((html) => html.setAttribute("lang", "de"));
  const panel = page.getByRole("dialog", { name: "Support-Chat" });
  await expect(panel).toHaveAttribute("lang", "de");
  await expect(panel.getByRole("alert")).toContainText("konnte nicht gesendet werden");
  const composer = panel.getByRole("textbox", { name: "Nachricht" });
  await expect(composer).toBeFocused();
  await expect(composer).toHaveValue("Not sent yet");
  await expect(composer).toHaveAttribute("placeholder", "Nachricht schreiben …");
  await expect(page.getByRole("button", { name: "Mit uns chatten" })).toBeVisible();
  await expect(panel.getByRole("log")).toContainText("Zugestellt");
  await expect(panel.getByRole("log")).toContainText("23.05.26, 14:05");
  // The lines are the same nodes, so screen readers do not announce them again.
  for (const line of lines) expect(await line.evaluate((it) => it.isConnected)).toBe(true);
  expect(await panel.getByRole("log").locator("[part=message]").count()).toBe(lines.length);

  // The element's own language takes precedence over the page's, and can be removed again.
  const element = page.locator("matrix-support-chat");
  await element.evaluate((it) => it.setAttribute("lang", "ar"));
  await expect(page.getByRole("dialog")).toHaveAttribute("dir", "rtl");
  await page.locator("html").evaluate((html) => html.setAttribute("lang", "fr"));
  await element.evaluate((it) => it.removeAttribute("lang"));
  await expect(page.getByRole("dialog", { name: "Chat d’assistance" })).toBeVisible();
  expect(api.count("create")).toBe(1);
});

test("from right to left, sides change", async ({ visitor, host, api }) => {
  host.is({ lang: "ar", dir: "rtl" });
  await visitor.visit();
  const { page } = visitor;
  await page.getByRole("button").click();
  const panel = page.getByRole("dialog");
  const composer = panel.getByRole("textbox");
  await composer.fill("مرحبا");
  await composer.press("Enter");
  await expect(panel.getByRole("log")).toContainText("مرحبا");
  // A reply needs a conversation, which begins with this message.
  await expect(panel.getByRole("log")).toContainText("تم التسليم");
  api.reply("أهلا وسهلا");
  await expect(panel.getByRole("log")).toContainText("أهلا وسهلا");

  const box = async (text: string) => (await panel.getByText(text).boundingBox())!;
  const own = await box("مرحبا");
  const theirs = await box("أهلا وسهلا");
  expect(own.x, "the visitor's are on the left").toBeLessThan(theirs.x);
  const send = (await panel.getByRole("button").last().boundingBox())!;
  expect(send.x, "so is Send").toBeLessThan((await composer.boundingBox())!.x);
});

test("a page from right to left leaves an English chat as it is", async ({ visitor, host }) => {
  host.is({ lang: "he", dir: "rtl" });
  await visitor.visit();
  await visitor.openChat();
  const close = (await visitor.closeButton.boundingBox())!;
  const panel = (await visitor.panel.boundingBox())!;
  expect(close.x).toBeGreaterThan(panel.x + panel.width / 2);
});

const TIMES = [
  { lang: "en", locale: "en-US", time: "2:05 PM" },
  { lang: "en", locale: "en-GB", time: "14:05" },
  { lang: "de", locale: "en-US", time: "14:05" },
];

for (const { lang, locale, time } of TIMES) {
  test.describe(() => {
    test.use({ locale });
    test(`a ${locale} browser on a page in ${lang} shows ${time}`, async ({ visitor, host }) => {
      await visitor.page.clock.setFixedTime("2026-05-23T15:00:00Z");
      host.is({ lang });
      await visitor.visit();
      await visitor.page.getByRole("button").click();
      const composer = visitor.page.getByRole("textbox");
      await composer.fill("Hello");
      await composer.press("Enter");
      const log = visitor.page.getByRole("log");
      await expect.poll(async () => (await log.innerText()).replaceAll("\u202f", " ")).toContain(time);
    });
  });
}

test("what was said on another day has its date", async ({ visitor }) => {
  await visitor.page.clock.setFixedTime("2026-05-24T08:00:00Z");
  await visitor.beginConversation("Hello");
  await visitor.reads("23/05/2026, 14:05");
});

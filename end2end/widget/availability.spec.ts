import type { ScriptedApi } from "../support/scripted-api.ts";
import type { Visitor } from "../support/visitor.ts";
import { expect, test } from "./fixtures.ts";

/** A Thursday at midday. */
const NOW = new Date("2026-05-21T12:00:00Z");

function hours(visitor: Visitor): ReturnType<Visitor["panel"]["getByRole"]> {
  return visitor.panel.getByRole("status").filter({ hasText: /Back|Nobody is here|open now/ });
}

async function openAt(visitor: Visitor, api: ScriptedApi, opensAt?: string): Promise<void> {
  api.availability = { open: false, ...(opensAt !== undefined && { opensAt }) };
  await visitor.page.clock.install({ time: NOW });
  await visitor.visit();
  await visitor.openChat();
}

test("nothing is asked before the panel is open, and then once", async ({ visitor, api }) => {
  await visitor.visit();
  await visitor.launcher.hover();
  await visitor.page.waitForLoadState("networkidle");
  expect(api.requests).toEqual([]);
  await visitor.openChat();
  await expect(hours(visitor)).toHaveText("Support is open now.");
  expect(api.requests.map(({ operation }) => operation)).toEqual(["availability"]);
  const { request } = api.requests[0] ?? {};
  expect(request?.headers()["authorization"]).toBeUndefined();
});

for (const [opensAt, words] of [
  ["2026-05-21T13:00:00.000Z", "Back at 15:00."],
  ["2026-05-25T07:00:00.000Z", "Back on Monday at 09:00."],
  // In the visitor's time zone it is tomorrow already.
  ["2026-05-21T22:30:00.000Z", "Back on Friday at 00:30."],
  ["2026-05-27T07:00:00.000Z", "Back on Wednesday at 09:00."],
  ["2026-05-28T07:00:00.000Z", "Back on 28 May at 09:00."],
  ["2027-01-04T08:00:00.000Z", "Back on 4 January 2027 at 09:00."],
  [undefined, "Nobody is here right now."],
  ["2026-05-21T11:59:00.000Z", "Nobody is here right now."],
  ["whenever", "Nobody is here right now."],
] as const) {
  test.describe(() => {
    test.use({ timezoneId: "Europe/Berlin" });

    test(`the visitor reads in their own zone when somebody is there next: ${opensAt}`, async ({ visitor, api }) => {
      await openAt(visitor, api, opensAt);
      await expect(hours(visitor)).toHaveText(`${words} You can write now: your message is kept.`);
    });
  });
}

for (const [lang, locale, words] of [
  ["de", "de-AT", "Wieder da am Montag um 07:00 Uhr. Sie können jetzt schon schreiben: Ihre Nachricht geht nicht verloren."],
  ["en", "en-US", "Back on Monday at 7:00 AM. You can write now: your message is kept."],
  ["es", "es-ES", "Volvemos el lunes, 7:00. Puede escribirnos ya: su mensaje no se pierde."],
  ["fr", "fr-FR", "De retour lundi à 07:00. Vous pouvez déjà écrire\u00a0: votre message est conservé."],
  ["uk", "uk-UA", "Знову на зв’язку: понеділок, 07:00. Ви можете написати вже зараз: ваше повідомлення не загубиться."],
] as const) {
  test.describe(() => {
    test.use({ locale });

    test(`and in their own language: ${locale}`, async ({ visitor, api, host }) => {
      host.is({ lang });
      api.availability = { open: false, opensAt: "2026-05-25T07:00:00.000Z" };
      await visitor.page.clock.install({ time: NOW });
      await visitor.visit();
      await visitor.page.getByRole("button").click();
      await expect(visitor.page.locator("matrix-support-chat .hours")).toHaveText(words, { useInnerText: true });
    });
  });
}

test("it stands there after the first message too, and one that is sent arrives", async ({ visitor, api }) => {
  api.availability = { open: false };
  await visitor.beginConversation("Hello");
  await expect(hours(visitor)).toContainText("Nobody is here right now.");
  await visitor.say("Are you there?");
  expect(api.count("send")).toBe(1);
});

test("that somebody is there is said to whoever has not begun", async ({ visitor }) => {
  await visitor.visit();
  await visitor.openChat();
  await expect(hours(visitor)).toHaveText("Support is open now.");
  await visitor.say("Hello");
  await expect(hours(visitor)).toBeHidden();
});

test("it is kept true while the panel is open, and not asked for while nobody looks", async ({ visitor, api }) => {
  const { page } = visitor;
  await openAt(visitor, api, "2026-05-21T12:03:00.000Z");
  await expect(hours(visitor)).toContainText("Back at 12:03.");
  api.availability = { open: true };
  await page.clock.runFor("02:30");
  expect(api.count("availability")).toBe(1);
  await page.clock.runFor("00:35");
  await expect(hours(visitor)).toHaveText("Support is open now.");
  expect(api.count("availability")).toBe(2);

  // The hours are requested at least every five minutes.
  api.availability = { open: false };
  await page.clock.runFor("05:01");
  await expect(hours(visitor)).toContainText("Nobody is here right now.");

  await visitor.closePanel();
  await page.clock.runFor("30:00");
  expect(api.count("availability")).toBe(3);
  api.availability = { open: true };
  await visitor.openChat();
  await expect(hours(visitor)).toHaveText("Support is open now.");
});

for (const [what, fault] of [
  ["cannot be reached", "unreachable"],
  ["does not know the operation", { status: 404, html: "<h1>Not found</h1>" }],
  ["fails", { status: 503, code: "database_unavailable" }],
  ["is a portal", { status: 200, html: "<h1>Log in</h1>" }],
] as const) {
  test(`where the server ${what}, nothing is said and nothing is missing`, async ({ visitor, api }) => {
    api.break("availability", fault);
    await visitor.beginConversation("Hello");
    // Browsers may repeat a request that was cut off.
    await expect.poll(() => api.count("availability")).toBeGreaterThan(0);
    await expect(visitor.panel.locator(".hours")).toBeEmpty();
    await expect(visitor.alert).toBeHidden();
  });
}

test("where the chunk does not come, the chat works without", async ({ visitor, host, api }) => {
  host.is({ lang: "en", refuses: /offers-/ });
  await visitor.beginConversation("Hello");
  await visitor.reads("Delivered");
  expect(api.count("availability")).toBe(0);
  visitor.complaints.length = 0; // Of the chunk.
});

test("where its words do not come, nothing is shown without any", async ({ visitor, host, api }) => {
  host.is({ lang: "en", refuses: /later-en-/ });
  api.availability = { open: false, mail: true };
  await visitor.beginConversation("Hello");
  await expect.poll(() => api.count("availability")).toBe(1);
  await visitor.reads("Delivered");
  await expect(visitor.panel.locator(".hours")).toBeEmpty();
  for (const part of [".save", ".offer"]) await expect(visitor.panel.locator(part).filter({ visible: true })).toHaveCount(0);
  visitor.complaints.length = 0; // Of the chunk.
});

test("the page's own words are shown in its place", async ({ visitor, api, host }) => {
  api.availability = { open: false };
  host.is({
    lang: "en",
    scripts: { "/words.js": 'document.querySelector("matrix-support-chat").messages = { away: "We are asleep." };' },
  });
  await visitor.visit();
  await visitor.openChat();
  await expect(visitor.panel.locator(".hours")).toContainText("We are asleep.");
});

test("it follows the page's language", async ({ visitor, api }) => {
  api.availability = { open: false };
  await visitor.visit();
  await visitor.openChat();
  await expect(hours(visitor)).toContainText("Nobody is here");
  await visitor.page.evaluate(() => (document.documentElement.lang = "fr"));
  await expect(visitor.page.locator("matrix-support-chat .hours")).toContainText("Personne n’est là pour le moment.");
});

import type { ScriptedApi } from "../support/scripted-api.ts";
import { expect, HOST_ORIGIN, test } from "./fixtures.ts";

/** The pages that the server was told. */
const told = (api: ScriptedApi): unknown[] =>
  api.requests.filter(({ operation }) => operation === "page").map(({ request }) => request.postDataJSON());


test.beforeEach(async ({ visitor }) => {
  await visitor.page.clock.install({ time: new Date("2026-05-23T14:05:00Z") });
  await visitor.beginConversation("Hello");
});

test("staff hear where the visitor goes within an app, without query and fragment", async ({ visitor, api }) => {
  const { page } = visitor;
  await page.clock.runFor("00:20");
  expect(told(api), "where it began they know").toEqual([]);
  await page.evaluate(([path, title]) => {
    history.pushState({}, "", path);
    document.title = title as string;
  }, ["/prices?coupon=secret#table", "(3) Prices\n"]);
  await page.clock.runFor("00:05");
  await expect.poll(() => told(api)).toEqual([{ sourceUrl: `${HOST_ORIGIN}/prices`, pageTitle: "Prices" }]);
  const { request } = api.requests.find(({ operation }) => operation === "page") ?? {};
  expect(request?.method()).toBe("PUT");
  expect(request?.headers()["authorization"]).toBe(`Bearer ${api.token}`);

  await page.goBack();
  await page.clock.runFor("00:12");
  await expect.poll(() => told(api).at(-1)).toMatchObject({ sourceUrl: `${HOST_ORIGIN}/` });
  expect(told(api)).toHaveLength(2);
});

test("many pages in a row are one", async ({ visitor, api }) => {
  const { page } = visitor;
  for (let n = 0; n < 12; n += 1) {
    await page.evaluate((n) => history.pushState({}, "", `/page/${n}`), n);
    await page.clock.runFor("00:01");
  }
  await page.clock.runFor("00:12");
  await expect.poll(() => told(api).length).toBeGreaterThan(0);
  expect(told(api).length).toBeLessThanOrEqual(2);
  expect(told(api).at(-1)).toMatchObject({ sourceUrl: `${HOST_ORIGIN}/page/11` });
});

test("and where the visitor is on the next page of the site, without the chat being loaded", async ({ visitor, api }) => {
  await visitor.closePanel();
  await visitor.visit("/imprint?from=chat");
  await visitor.page.clock.runFor("00:05");
  await expect.poll(() => told(api)).toEqual([{ sourceUrl: `${HOST_ORIGIN}/imprint`, pageTitle: "A page" }]);
  await visitor.openChat();
  await visitor.reads("Hello");
  await visitor.page.clock.runFor("00:30");
  expect(told(api)).toHaveLength(1);
});

test("what did not arrive is said again, and what was refused is not", async ({ visitor, api }) => {
  const { page } = visitor;
  api.break("page", "unreachable");
  await page.evaluate(() => history.pushState({}, "", "/prices"));
  await page.clock.runFor("00:05");
  await expect.poll(() => told(api)).toHaveLength(1);
  api.mend();
  api.break("page", { status: 422, code: "invalid_field" });
  await page.clock.runFor("00:12");
  await expect.poll(() => told(api)).toHaveLength(2);
  await page.clock.runFor("01:00");
  expect(told(api)).toHaveLength(2);
});

test("after the end nobody is followed", async ({ visitor, api }) => {
  await visitor.endChat();
  await expect(visitor.panel).toContainText("This chat has ended");
  await visitor.page.evaluate(() => history.pushState({}, "", "/prices"));
  await visitor.page.clock.runFor("00:30");
  expect(told(api)).toEqual([]);
});

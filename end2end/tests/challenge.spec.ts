import type { Page, Route } from "@playwright/test";

import { expect, test } from "../fixtures.ts";
import { API_PATH } from "../support/traffic.ts";
import type { Visitor } from "../support/visitor.ts";

const CLOUDFLARE = "https://challenges.cloudflare.com";
const SITE_KEY = "1x00000000000000000000AA";
const TOKEN = "passed-by-a-person";

/**
 * Replaces Cloudflare's script, on which the tests must not depend: a button instead of the
 * challenge, and the same functions.
 */
const TURNSTILE = `
  window.turnstile = {
    render(container, options) {
      const pass = document.createElement("button");
      pass.textContent = "I am human: " + options.sitekey;
      pass.onclick = () => options.callback("${TOKEN}");
      const fail = document.createElement("button");
      fail.textContent = "I am not";
      fail.onclick = () => options["error-callback"]("300010");
      container.append(pass, fail);
      return "widget-1";
    },
    remove() {},
  };
`;

/** Serves the page as a server with Turnstile does, with a policy that allows Cloudflare. */
async function allowCloudflare(page: Page): Promise<void> {
  await page.route("/", async (route) => {
    const response = await route.fetch();
    const headers = response.headers();
    const policy = headers["content-security-policy"] ?? "";
    headers["content-security-policy"] = policy.replace("script-src", `script-src ${CLOUDFLARE}`);
    await route.fulfill({ response, headers });
  });
}

/**
 * Refuses a creation without a token, as a server with Turnstile does. All other requests go to the
 * real server.
 */
async function askForChallenge(page: Page, problem: { turnstileSiteKey?: string }): Promise<void> {
  await page.route(`**${API_PATH}/sessions`, async (route: Route) => {
    const { turnstileToken } = route.request().postDataJSON() as { turnstileToken?: string };
    if (turnstileToken !== undefined) return route.continue();
    await route.fulfill({
      status: 403,
      contentType: "application/problem+json",
      body: JSON.stringify({
        type: "about:blank",
        title: "The challenge was not passed",
        status: 403,
        code: "challenge_failed",
        requestId: "0",
        ...problem,
      }),
    });
  });
}

function scriptRequests(visitor: Visitor): string[] {
  return visitor.traffic.requests
    .map((request) => request.url())
    .filter((url) => url.startsWith(CLOUDFLARE));
}

test("a challenge is shown when the server asks, and the message goes out once it is passed", async ({
  visitor,
  alice,
  archive,
}) => {
  const text = "Am I human?";
  const { page } = visitor;
  await allowCloudflare(page);
  await askForChallenge(page, { turnstileSiteKey: SITE_KEY });
  await page.route(`${CLOUDFLARE}/**`, (route) =>
    route.fulfill({ contentType: "text/javascript", body: TURNSTILE }),
  );
  const challenge = visitor.panel.getByRole("button", { name: `I am human: ${SITE_KEY}` });

  await visitor.visit();
  await visitor.openChat();
  await visitor.write(text);
  await expect(challenge).toHaveCount(0);
  expect(scriptRequests(visitor)).toEqual([]);

  await visitor.send();
  await expect(challenge).toBeVisible();
  await expect(visitor.panel.getByText("Please confirm you're human.")).toBeVisible();
  await expect(visitor.alert).toBeHidden();

  // The challenge fails at first.
  await visitor.panel.getByRole("button", { name: "I am not" }).click();
  await expect(visitor.alert).toBeVisible();
  await expect(visitor.composer).toHaveValue(text);
  await expect(challenge).toHaveCount(0);

  await visitor.retry();
  await challenge.click();
  await expect(challenge).toHaveCount(0);
  await visitor.reads(text);
  await expect(visitor.alert).toBeHidden();
  const roomId = await alice.acceptInvite();
  await alice.send(roomId, "So it seems.");
  await visitor.reads("So it seems.");
  await visitor.say("Good.");
  await expect.poll(() => archive.visitorTexts(roomId)).toEqual([text, "Good."]);
  expect(alice.newRooms()).toEqual([roomId]);
  expect(await visitor.timesRead(text)).toBe(1);

  expect(scriptRequests(visitor)).toEqual([
    `${CLOUDFLARE}/turnstile/v0/api.js?render=explicit`,
  ]);
  const creations = visitor.traffic
    .apiRequests()
    .filter((request) => request.url().endsWith("/sessions"));
  const keys = creations.map((request) => request.headers()["idempotency-key"]);
  expect(keys[0]).toBeTruthy();
  expect(keys).toEqual([keys[0], keys[0], keys[0]]);
  const bodies = creations.map((request) => request.postDataJSON() as object);
  expect(bodies).toEqual([bodies[0], bodies[0], { ...bodies[0], turnstileToken: TOKEN }]);
  expect(bodies[0]).toMatchObject({ initialMessage: text });
});

test("a challenge whose script does not come costs the visitor nothing but a Retry", async ({
  visitor,
  alice,
}) => {
  const text = "Typed behind a firewall";
  const { page } = visitor;
  await allowCloudflare(page);
  await askForChallenge(page, { turnstileSiteKey: SITE_KEY });
  await page.route(`${CLOUDFLARE}/**`, (route) => route.abort("connectionrefused"));

  await visitor.visit();
  await visitor.openChat();
  await visitor.write(text);
  await visitor.send();
  await expect(visitor.alert).toContainText("could not be sent");
  await expect(visitor.composer).toHaveValue(text);

  await page.route(`${CLOUDFLARE}/**`, (route) =>
    route.fulfill({ contentType: "text/javascript", body: TURNSTILE }),
  );
  await visitor.retry();
  await visitor.panel.getByRole("button", { name: "I am human" }).click();
  await visitor.reads(text);
  const roomId = await alice.acceptInvite();
  expect(alice.newRooms()).toEqual([roomId]);
});

test("a challenge that cannot be shown is a message that was not sent", async ({ visitor }) => {
  await askForChallenge(visitor.page, {});
  await visitor.visit();
  await visitor.openChat();
  await visitor.write("Hello?");
  await visitor.send();
  await expect(visitor.alert).toContainText("could not be sent");
  await expect(visitor.retryButton).toBeEnabled();
  await expect(visitor.composer).toHaveValue("Hello?");
});

import { expect, test } from "./fixtures.ts";

/** Replaces Cloudflare's script. */
const TURNSTILE = `
  window.removed = [];
  window.turnstile = {
    render(container, options) {
      const pass = container.appendChild(document.createElement("button"));
      pass.textContent = "I am human: " + options.sitekey;
      pass.onclick = () => options.callback("a token");
      const fail = container.appendChild(document.createElement("button"));
      fail.textContent = "I am not";
      fail.onclick = () => options["error-callback"]("300010");
      return "widget-1";
    },
    remove(id) { window.removed.push(id); },
  };
`;

test.beforeEach(({ api }) => {
  api.break("create", { status: 403, code: "challenge_failed", turnstileSiteKey: "key" });
});

test("a challenge that is passed sends the message, and is taken away", async ({ visitor, host, api }) => {
  const { page } = visitor;
  host.is({ lang: "en", scripts: { "/turnstile.js": TURNSTILE } });
  await visitor.visit();
  await visitor.openChat();
  await visitor.write("Hello");
  await visitor.send();
  const pass = visitor.panel.getByRole("button", { name: "I am human: key" });
  await expect(pass).toBeVisible();
  api.mend();
  await pass.click();
  await visitor.reads("Hello");
  await expect(pass).toHaveCount(0);
  expect(await page.evaluate("removed")).toEqual(["widget-1"]);
  const { request } = api.requests.findLast(({ operation }) => operation === "create") ?? {};
  expect(request?.postDataJSON()).toMatchObject({ initialMessage: "Hello", turnstileToken: "a token" });
});

test("a challenge that fails is a message that was not sent", async ({ visitor, host }) => {
  host.is({ lang: "en", scripts: { "/turnstile.js": TURNSTILE } });
  await visitor.visit();
  await visitor.openChat();
  await visitor.write("Hello");
  await visitor.send();
  await visitor.panel.getByRole("button", { name: "I am not" }).click();
  await expect(visitor.alert).toContainText("could not be sent");
  await expect(visitor.panel.getByRole("button", { name: "I am not" })).toHaveCount(0);
});

test("an element that goes takes its challenge along", async ({ visitor, host }) => {
  const { page } = visitor;
  host.is({ lang: "en", scripts: { "/turnstile.js": TURNSTILE } });
  await visitor.visit();
  await visitor.openChat();
  await visitor.write("Hello");
  await visitor.send();
  await expect(visitor.panel.getByRole("button", { name: "I am not" })).toBeVisible();
  await page.locator("matrix-support-chat").evaluate((element) => element.remove());
  await expect.poll(() => page.evaluate("removed")).toEqual(["widget-1"]);
});

test("a challenge whose chunk does not come is a message that was not sent", async ({ visitor, host }) => {
  host.is({ lang: "en", refuses: /challenge-/ });
  await visitor.visit();
  await visitor.openChat();
  await visitor.write("Hello");
  await visitor.send();
  await expect(visitor.alert).toContainText("could not be sent");
  await expect(visitor.composer).toHaveValue("Hello");
  visitor.complaints.length = 0; // Of the chunk.
});

test("a page that asks for Trusted Types has Turnstile's script asked for", async ({ visitor, host }) => {
  host.is({ lang: "en", policy: "require-trusted-types-for 'script'; trusted-types matrix-support-chat" });
  await visitor.visit();
  await visitor.openChat();
  await visitor.write("Hello");
  await visitor.send();
  // The script gets as far as the directive of this page's policy that forbids Cloudflare.
  await expect.poll(() => visitor.complaints.join("\n")).toContain("script-src-elem https://challenges.cloudflare.com");
  expect(visitor.complaints.join("\n")).not.toMatch(/trusted/i);
  visitor.complaints.length = 0;
});

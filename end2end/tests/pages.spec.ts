import { expect, test } from "../fixtures.ts";

test("the chat is on the landing page and on no other", async ({ visitor }) => {
  await visitor.visit("/");
  await expect(visitor.launcher).toBeVisible();

  await visitor.visit("/about");
  await expect(visitor.page.getByRole("main")).toBeVisible();
  await visitor.page.waitForLoadState("networkidle");
  await expect(visitor.launcher).toHaveCount(0);
  await expect(visitor.page.locator("matrix-support-chat")).toHaveCount(0);
});

test("the page's own words do not wait for the chat", async ({ visitor }) => {
  // Without scripts the page is complete, and says how to get in touch.
  await visitor.page.route(/\.js$/, (route) => route.abort());
  await visitor.visit("/");
  await expect(visitor.page.getByRole("heading", { level: 1 })).toBeVisible();
  await expect(visitor.page.getByRole("link", { name: "Write to us" })).toBeVisible();
});

test("a conversation stays within a strict Content-Security-Policy", async ({ visitor, alice }) => {
  const landing = await visitor.page.goto("/");
  const policy = (await landing?.headerValue("content-security-policy")) ?? "";
  const directives = new Map(
    policy.split(";").map((directive) => {
      const [name = "", ...sources] = directive.trim().split(/\s+/);
      return [name, sources.join(" ")];
    }),
  );
  expect(directives.get("default-src")).toBe("'none'");
  expect(directives.get("script-src")).toBe("'self' 'wasm-unsafe-eval'");
  expect(directives.get("style-src")).toBe("'self'");
  expect(directives.get("connect-src")).toBe("'self'");
  expect(directives.get("base-uri")).toBe("'none'");
  expect(directives.get("frame-ancestors")).toBe("'none'");

  await visitor.openChat();
  await visitor.say("Is anything forbidden here?");
  const roomId = await alice.acceptInvite();
  await alice.send(roomId, "Nothing that we need.");
  await visitor.reads("Nothing that we need.");
  await visitor.closePanel();
  await visitor.reload();
  await visitor.openChat();
  await visitor.reads("Nothing that we need.");
  await visitor.loseNetwork();
  await visitor.write("And with an error on the screen?");
  await visitor.send();
  await expect(visitor.alert).toBeVisible();
  await visitor.recoverNetwork();
  await visitor.retry();
  await visitor.reads("And with an error on the screen?");
  await visitor.endChat();
  await expect(visitor.panel).toContainText("This chat has ended");

  expect(visitor.complaints).toEqual([]);
});

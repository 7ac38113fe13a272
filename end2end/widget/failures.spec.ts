import { API_ORIGIN } from "../support/scripted-api.ts";
import { expect, HOST_ORIGIN, test } from "./fixtures.ts";

const CONTACT = '<a href="mailto:help@host.example">Write an e-mail</a>';

test("without the script, the element is its content, and the page is as it was", async ({
  visitor,
  host,
}) => {
  host.is({ content: CONTACT });
  await visitor.page.route("**/widget/**", (route) => route.abort());
  await visitor.visit();
  await expect(visitor.page.getByRole("link", { name: "Write an e-mail" })).toBeVisible();
  await expect(visitor.page.getByRole("heading")).toBeVisible();
});

test("where the chat cannot be loaded, it says so, shows another way, and can be tried again", async ({
  visitor,
  host,
}) => {
  host.is({
    lang: "en",
    content: CONTACT,
    scripts: {
      "/listener.js": `document.addEventListener("support-chat-error",
        ({ detail }) => (document.title = detail.code));`,
    },
  });
  const { page } = visitor;
  const contact = page.getByRole("link", { name: "Write an e-mail" });
  await visitor.visit();
  await expect(visitor.launcher).toBeVisible();
  await expect(contact).toBeHidden();

  await page.route("**/widget/chunks/**", (route) => route.abort());
  await visitor.launcher.click();
  await expect(page.getByRole("alert")).toContainText("could not be loaded");
  await expect(contact).toBeVisible();
  await expect(page.getByRole("alert").getByRole("link"), "it is in place of the server's page").toHaveCount(0);
  await expect(page).toHaveTitle("load_failed");
  await expect(page.locator("matrix-support-chat")).not.toHaveAttribute("open");
  await page.unrouteAll({ behavior: "wait" });
});

for (const [apiUrl, address] of [
  [API_ORIGIN, `${API_ORIGIN}/support`],
  [`${API_ORIGIN}/`, `${API_ORIGIN}/support`],
  ["/", `${HOST_ORIGIN}/support`],
] as const) {
  test(`without content of the page's own, it leads to the server's page: ${apiUrl.replace(/:\d+/, "")}`, async ({ visitor, host }) => {
    // Of no size that any of it is cut at.
    await visitor.page.setViewportSize({ width: 320, height: 568 });
    host.is({ lang: "en", refuses: /chunks/ });
    visitor.expectComplaint(/Loading module/);
    const { page } = visitor;
    await visitor.visit();
    await page.evaluate((url) => document.querySelector("matrix-support-chat")?.setAttribute("api-url", url), apiUrl);
    await visitor.launcher.click();
    const link = page.getByRole("alert").getByRole("link", { name: "Chat with us" });
    await expect(link).toHaveAttribute("href", address.replace(HOST_ORIGIN, ""));
    expect(await link.evaluate((it: HTMLAnchorElement) => it.href)).toBe(address);
    await expect(link).toHaveAttribute("target", "_blank");
    await expect(link).toBeInViewport({ ratio: 1 });
  });
}

test("where WebAssembly is not allowed, it says so, and the page is unharmed", async ({
  visitor,
  host,
}) => {
  host.is({ lang: "en", content: CONTACT });
  const { page } = visitor;
  await page.addInitScript(() => {
    Object.defineProperty(window, "WebAssembly", { value: undefined });
  });
  await visitor.visit();
  await visitor.launcher.click();
  await expect(page.getByRole("alert")).toContainText("could not be loaded");
  await expect(page.getByRole("link", { name: "Write an e-mail" })).toBeVisible();
  await expect(page.getByRole("heading")).toBeVisible();

  // The part that was loaded can show the failure in the visitor's language.
  await page.locator("html").evaluate((html) => html.setAttribute("lang", "de"));
  await visitor.launcher.click();
  await expect(page.getByRole("alert")).toContainText("konnte nicht geladen werden");
});

test("where the API cannot be reached, the panel shows another way", async ({
  visitor,
  host,
  api,
}) => {
  host.is({ lang: "en", content: CONTACT });
  await visitor.visit();
  await visitor.openChat();
  const contact = visitor.page.getByRole("link", { name: "Write an e-mail" });
  await expect(contact).toBeHidden();
  api.break("create", "unreachable");
  await visitor.write("Hello");
  await visitor.send();
  await expect(visitor.alert).toBeVisible();
  await expect(contact).toBeVisible();
  api.mend();
  await visitor.retry();
  await visitor.reads("Hello");
  await expect(contact).toBeHidden();
});

test("a click before the chat is there is not lost, and a second one does not take it back", async ({ visitor }) => {
  const { page } = visitor;
  let release = (): void => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  await page.route("**/widget/chunks/**", async (route) => {
    await held;
    await route.fallback();
  });
  await visitor.visit();
  await visitor.launcher.click();
  await visitor.launcher.click();
  await expect(visitor.panel).toBeHidden();
  release();
  await expect(visitor.panel).toBeVisible();
  await expect(visitor.composer).toBeFocused();
});

test("where storage is forbidden, the chat works until the page is left", async ({ visitor }) => {
  await visitor.page.addInitScript(() => {
    Object.defineProperty(window, "sessionStorage", {
      get() {
        throw new DOMException("forbidden", "SecurityError");
      },
    });
  });
  await visitor.visit();
  await visitor.openChat();
  await visitor.say("Hello");
});

/** What a browser may refuse, or not have. */
const LACKS = {
  "what Firefox refuses where it blocks all cookies": () => {
    const refuse = (): never => {
      throw new DOMException("The operation is insecure.", "SecurityError");
    };
    for (const name of ["sessionStorage", "localStorage"]) Object.defineProperty(window, name, { get: refuse });
    Object.defineProperty(window, "BroadcastChannel", { value: refuse });
    // Pages without TLS have no locks.
    if (navigator.locks) navigator.locks.request = async () => refuse();
  },
  "locks alone": () => {
    if (navigator.locks) navigator.locks.request = () => Promise.reject(new Error());
  },
  BroadcastChannel: () => Object.defineProperty(window, "BroadcastChannel", { value: undefined }),
  MutationObserver: () => Object.defineProperty(window, "MutationObserver", { value: undefined }),
  ResizeObserver: () => Object.defineProperty(window, "ResizeObserver", { value: undefined }),
  visualViewport: () => Object.defineProperty(window, "visualViewport", { value: null }),
};

for (const [what, take] of Object.entries(LACKS)) {
  test(`without ${what}, one can chat`, async ({ visitor, api }) => {
    // The polls that tabs would share.
    api.waitSeconds = 25;
    await visitor.page.addInitScript(take);
    await visitor.beginConversation("Hello");
    await expect.poll(() => api.count("poll")).toBeGreaterThan(1);
    api.reply("Hi!");
    await visitor.reads("Hi!");
    await visitor.say("Thanks");
  });
}

test("what a page makes of the window's names is no matter", async ({ visitor, api }) => {
  await visitor.page.addInitScript(() => {
    for (const name of ["self", "name", "status", "event", "parent", "top", "origin", "length", "frames", "external"]) {
      try {
        Object.assign(window, { [name]: {} });
      } catch {
        // Those that a page cannot change.
      }
    }
  });
  await visitor.beginConversation("Hello");
  api.reply("Hi!");
  await visitor.reads("Hi!");
});

test("a chat that comes and cannot start says so as one that does not come, in the page's language", async ({
  visitor,
  host,
}) => {
  host.is({ lang: "de", content: CONTACT });
  const { page } = visitor;
  await page.addInitScript(() => {
    const { createElement } = Document.prototype;
    Document.prototype.createElement = function (this: Document, tag: string, ...more: []) {
      if (tag === "dialog") throw new Error("broken");
      return createElement.call(this, tag, ...more);
    } as typeof createElement;
  });
  await visitor.visit();
  const launcher = page.getByRole("button", { name: "Mit uns chatten" });
  const alert = page.getByRole("alert");
  const look = () =>
    alert.evaluate((it) => [it.clientWidth, it.clientHeight, it.parentElement?.childElementCount, getComputedStyle(it).display]);
  await launcher.click();
  await expect(alert).toContainText("konnte nicht geladen werden");
  await expect(alert.getByRole("button")).toHaveText("Erneut versuchen");
  const started = await look();

  await page.addInitScript(() => Object.defineProperty(window, "WebAssembly", { value: undefined }));
  await visitor.reload();
  await launcher.click();
  await expect(alert).toContainText("konnte nicht geladen werden");
  expect(started).toEqual(await look());
});

test("however often one has clicked, a failure is told once, and is gone when it is over", async ({ visitor }) => {
  const { page } = visitor;
  let release = (): void => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  await page.route("**/widget/chunks/**", async (route) => {
    await held;
    await route.abort();
  });
  await visitor.visit();
  await visitor.launcher.click();
  await visitor.launcher.click();
  release();
  const alert = page.getByRole("alert");
  await expect(alert).toContainText("could not be loaded");
  await expect(alert).toHaveCount(1);
  await expect(page.locator("matrix-support-chat")).not.toHaveAttribute("open");
  await page.unrouteAll({ behavior: "wait" });
  await visitor.reload();
  await visitor.openChat();
  await expect(alert).toHaveCount(0);
});

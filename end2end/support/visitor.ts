import { expect, type Locator, type Page, type Route } from "@playwright/test";

import { API_PATH, Traffic } from "./traffic.ts";

/** The session storage key that holds the conversation. */
export const STORAGE_KEY = "matrix-support-chat";
/** The one that holds what was typed and is not accepted yet. */
export const DRAFT_KEY = "matrix-support-chat-draft";
/** The one that holds how far the visitor has seen the conversation. */
export const READ_KEY = "matrix-support-chat-read";

/**
 * The visitor: one method for each thing a person does. Knows the widget by the roles and names that people and
 * assistive technology know it by, and by nothing else.
 */
export class Visitor {
  readonly page: Page;
  readonly traffic: Traffic;
  /** What the page was forbidden by its Content-Security-Policy, and scripts that threw. */
  readonly complaints: string[] = [];
  readonly #expected: RegExp[] = [];

  readonly launcher: Locator;
  /** How many messages came unseen. Nothing for assistive technology: the launcher's description says it. */
  readonly badge: Locator;
  readonly panel: Locator;
  readonly transcript: Locator;
  readonly composer: Locator;
  readonly sendButton: Locator;
  readonly retryButton: Locator;
  readonly endButton: Locator;
  /** The answer no to the question before the end. */
  readonly stayButton: Locator;
  readonly closeButton: Locator;
  readonly alert: Locator;

  private constructor(page: Page) {
    this.page = page;
    this.traffic = new Traffic(page);
    this.launcher = page.getByRole("button", { name: "Chat with us" });
    this.badge = page.locator("matrix-support-chat .badge");
    this.panel = page.getByRole("dialog", { name: "Support chat" });
    this.transcript = this.panel.getByRole("log");
    this.composer = this.panel.getByRole("textbox", { name: "Message" });
    this.sendButton = this.panel.getByRole("button", { name: "Send", exact: true });
    this.retryButton = this.panel.getByRole("button", { name: "Retry", exact: true });
    this.endButton = this.panel.getByRole("button", { name: "End chat", exact: true });
    this.stayButton = this.panel.getByRole("button", { name: "Keep chatting", exact: true });
    this.closeButton = this.panel.getByRole("button", { name: "Close", exact: true });
    this.alert = this.panel.getByRole("alert");
  }

  /** From now on, a complaint that this matches is none: the test provokes it, at a moment that it does not know. */
  expectComplaint(pattern: RegExp): void {
    this.#expected.push(pattern);
  }

  #complain(text: string): void {
    if (!this.#expected.some((pattern) => pattern.test(text))) this.complaints.push(text);
  }

  /** Someone at a browser that has not opened the page yet. */
  static async at(page: Page): Promise<Visitor> {
    const visitor = new Visitor(page);
    page.on("pageerror", (error) => {
      // Firefox also logs there that an API could not be reached.
      if (/^(Error: )?Cross-Origin Request Blocked/.test(String(error))) return;
      visitor.#complain(`script: ${error}`);
    });
    page.on("console", (message) => {
      if (message.text().includes("Content Security Policy")) {
        visitor.#complain(`console: ${message.text()}`);
      }
    });
    await page.exposeFunction("reportViolation", (violation: string) =>
      visitor.#complain(`violation: ${violation}`),
    );
    await page.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (event) => {
        const report = (window as unknown as { reportViolation(violation: string): void })
          .reportViolation;
        report(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`);
      });
    });
    return visitor;
  }

  /** Goes to a page of the website. */
  async visit(path = "/"): Promise<void> {
    await this.page.goto(path);
  }

  async openChat(): Promise<void> {
    await this.launcher.click();
    await expect(this.panel).toBeVisible();
  }

  async closePanel(): Promise<void> {
    await this.closeButton.click();
    await expect(this.panel).toBeHidden();
  }

  async write(text: string): Promise<void> {
    await this.composer.fill(text);
  }

  async send(): Promise<void> {
    await this.sendButton.click();
  }

  /** Writes and sends a message; the server takes it, and it stands in the transcript. */
  async say(text: string): Promise<void> {
    const accepted = this.page.waitForResponse(
      (response) =>
        response.request().method() === "POST" &&
        new URL(response.url()).pathname.startsWith(API_PATH) &&
        !response.url().endsWith("/typing"),
    );
    await this.write(text);
    await this.send();
    expect((await accepted).status(), "the answer to a message").toBe(201);
    await this.reads(text);
  }

  /** Opens the page and the chat and says something: the shortest way to a conversation. */
  async beginConversation(firstMessage: string): Promise<void> {
    await this.visit();
    await this.openChat();
    await this.say(firstMessage);
  }

  async retry(): Promise<void> {
    await this.retryButton.click();
  }

  /** Ends the conversation, and is sure about it: the button that asks gives way to one of the same name. */
  async endChat(): Promise<void> {
    await this.endButton.click();
    await expect(this.stayButton).toBeFocused();
    await this.endButton.click();
  }

  async reload(): Promise<void> {
    await this.page.reload();
  }

  /** Waits until the transcript shows exactly this text, line breaks and all. */
  async reads(text: string): Promise<void> {
    await expect
      .poll(() => this.transcript.innerText(), { message: "the transcript's text" })
      .toContain(text);
  }

  /** How often the text stands in the transcript. */
  async timesRead(text: string): Promise<number> {
    return (await this.transcript.innerText()).split(text).length - 1;
  }

  /** What session storage holds. */
  async sessionStorage(): Promise<Record<string, string>> {
    return this.page.evaluate(() => ({ ...sessionStorage }));
  }

  /** What local storage holds. */
  async localStorage(): Promise<Record<string, string>> {
    return this.page.evaluate(() => ({ ...localStorage }));
  }

  /** The session that the widget has stored, and the API that it is of. */
  async storedSession(): Promise<{ sessionId: string; token: string; api: string }> {
    const stored = (await this.sessionStorage())[STORAGE_KEY];
    expect(stored, "a session is stored").toBeDefined();
    return JSON.parse(stored ?? "{}");
  }

  /** From now on the API cannot be reached. */
  async loseNetwork(): Promise<void> {
    await this.#interfere((route) => route.abort("connectionfailed"));
  }

  /** From now on the API gets what is sent, but its answers are lost on the way back. */
  async loseAnswers(): Promise<void> {
    await this.#interfere(async (route) => {
      await route.fetch();
      await route.abort("connectionreset");
    });
  }

  /** Ends what `loseNetwork` or `loseAnswers` began. */
  async recoverNetwork(): Promise<void> {
    await this.page.unrouteAll({ behavior: "wait" });
  }

  async #interfere(handler: (route: Route) => Promise<void>): Promise<void> {
    await this.page.route((url) => url.pathname.startsWith(API_PATH), handler);
  }
}

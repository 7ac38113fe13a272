import { expect, type Locator, type Page, type Route } from "@playwright/test";

import { API_PATH, Traffic } from "./traffic.ts";

/** The session storage key of the conversation. */
export const STORAGE_KEY = "matrix-support-chat";
/** The session storage key of what was typed and is not accepted yet. */
export const DRAFT_KEY = "matrix-support-chat-draft";
/** The session storage key of the last entry that the visitor has seen. */
export const READ_KEY = "matrix-support-chat-read";

/**
 * The visitor, with one method for each action. It finds parts of the widget only by the roles and
 * names that people and assistive technology use.
 */
export class Visitor {
  readonly page: Page;
  readonly traffic: Traffic;
  /** Violations of the page's Content-Security-Policy, and scripts that threw. */
  readonly complaints: string[] = [];
  readonly #expected: RegExp[] = [];

  readonly launcher: Locator;
  /**
   * The number of unread messages. Assistive technology gets it from the launcher's description
   * instead.
   */
  readonly badge: Locator;
  readonly panel: Locator;
  readonly transcript: Locator;
  readonly composer: Locator;
  readonly sendButton: Locator;
  readonly retryButton: Locator;
  readonly endButton: Locator;
  /** The negative answer to the question before the end. */
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

  /**
   * Ignores complaints that match from now on, because the test provokes them at an unknown moment.
   */
  expectComplaint(pattern: RegExp): void {
    this.#expected.push(pattern);
  }

  #complain(text: string): void {
    if (!this.#expected.some((pattern) => pattern.test(text))) this.complaints.push(text);
  }

  /** A visitor at a browser that has not opened the page yet. */
  static async at(page: Page): Promise<Visitor> {
    const visitor = new Visitor(page);
    page.on("pageerror", (error) => {
      // Firefox also logs there that an API is unreachable.
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

  /**
   * Writes and sends a message, and waits until the server has accepted it and the transcript shows
   * it.
   */
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

  /** Opens the page and the chat, and sends a message: the shortest way to a conversation. */
  async beginConversation(firstMessage: string): Promise<void> {
    await this.visit();
    await this.openChat();
    await this.say(firstMessage);
  }

  async retry(): Promise<void> {
    await this.retryButton.click();
  }

  /**
   * Ends the conversation and confirms it. The first button is replaced by one of the same name.
   */
  async endChat(): Promise<void> {
    await this.endButton.click();
    await expect(this.stayButton).toBeFocused();
    await this.endButton.click();
  }

  async reload(): Promise<void> {
    await this.page.reload();
  }

  /** Waits until the transcript shows exactly this text, including line breaks. */
  async reads(text: string): Promise<void> {
    await expect
      .poll(() => this.transcript.innerText(), { message: "the transcript's text" })
      .toContain(text);
  }

  /** How often the transcript contains the text. */
  async timesRead(text: string): Promise<number> {
    return (await this.transcript.innerText()).split(text).length - 1;
  }

  /** The content of session storage. */
  async sessionStorage(): Promise<Record<string, string>> {
    return this.page.evaluate(() => ({ ...sessionStorage }));
  }

  /** The content of local storage. */
  async localStorage(): Promise<Record<string, string>> {
    return this.page.evaluate(() => ({ ...localStorage }));
  }

  /** The session that the widget has stored, and its API. */
  async storedSession(): Promise<{ sessionId: string; token: string; api: string }> {
    const stored = (await this.sessionStorage())[STORAGE_KEY];
    expect(stored, "a session is stored").toBeDefined();
    return JSON.parse(stored ?? "{}");
  }

  /** Makes the API unreachable from now on. */
  async loseNetwork(): Promise<void> {
    await this.#interfere((route) => route.abort("connectionfailed"));
  }

  /** From now on the API receives requests, but its answers are lost. */
  async loseAnswers(): Promise<void> {
    await this.#interfere(async (route) => {
      await route.fetch();
      await route.abort("connectionreset");
    });
  }

  /** Ends the effect of `loseNetwork` or `loseAnswers`. */
  async recoverNetwork(): Promise<void> {
    await this.page.unrouteAll({ behavior: "wait" });
  }

  async #interfere(handler: (route: Route) => Promise<void>): Promise<void> {
    await this.page.route((url) => url.pathname.startsWith(API_PATH), handler);
  }
}

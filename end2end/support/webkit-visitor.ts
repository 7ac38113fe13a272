import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

import { expect } from "@playwright/test";
import type { AxeResults } from "axe-core";

import { animationsEnd } from "./animations.ts";
import type { Handle, WebKit } from "./webdriver.ts";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

/**
 * A visitor in a browser that Playwright does not support. As in `visitor.ts`, parts of the widget
 * are found only by roles and names.
 */
export class WebKitVisitor {
  readonly #browser: WebKit;
  readonly #origin: string;

  constructor(browser: WebKit, origin: string) {
    this.#browser = browser;
    this.#origin = origin;
  }

  async visit(path = "/"): Promise<void> {
    await this.#browser.visit(this.#origin + path);
  }

  /** Finds a visible element with this role and name; returns undefined if there is none. */
  async find(role: string, name?: string): Promise<Handle | undefined> {
    const look = this.#browser.evaluate(() => {
      const chat = document.querySelector("matrix-support-chat");
      return [document, chat?.shadowRoot]
        .flatMap((root) => [...(root?.querySelectorAll("a, button, input, textarea, [role]") ?? [])])
        .filter((it) => it.checkVisibility({ visibilityProperty: true })) as unknown as Handle[];
    });
    // What has gone before the driver has told of it is not shown.
    const shown = await look.catch((error: unknown) => {
      if (String(error).includes("stale element")) return [];
      throw error;
    });
    for (const element of shown) {
      // An element of a page that was left has neither.
      const itsRole = await this.#browser.role(element).catch(() => undefined);
      if (itsRole !== role) continue;
      if (name === undefined) return element;
      if ((await this.#browser.name(element).catch(() => undefined)) === name) return element;
    }
    return undefined;
  }

  async sees(role: string, name?: string): Promise<void> {
    await expect
      .poll(async () => (await this.find(role, name)) !== undefined, {
        message: `${role} "${name ?? ""}" is shown`,
      })
      .toBe(true);
  }

  async seesNot(role: string, name?: string): Promise<void> {
    await expect
      .poll(async () => (await this.find(role, name)) === undefined, {
        message: `${role} "${name ?? ""}" is not shown`,
      })
      .toBe(true);
  }

  async click(role: string, name: string): Promise<void> {
    await this.sees(role, name);
    const element = await this.find(role, name);
    if (element) await this.#browser.click(element);
  }

  async openChat(): Promise<void> {
    await this.click("button", "Chat with us");
    await this.sees("dialog", "Support chat");
    await expect.poll(() => this.focused()).toBe("textbox Message");
  }

  /** Appends text to the composer by typing. */
  async write(text: string): Promise<void> {
    await this.#browser.write(await this.#composer(), text);
    // The driver answers before the browser has processed the last keys.
    await expect.poll(() => this.draft()).toContain(text);
  }

  async say(text: string): Promise<void> {
    await this.write(text);
    await this.click("button", "Send");
    await this.reads(text);
  }

  /** Ends the conversation, and confirms it if the chat asks. */
  async endChat(): Promise<void> {
    await this.click("button", "End chat");
    if (await this.find("button", "Keep chatting")) await this.click("button", "End chat");
  }

  /** The role and name of the element that has the focus. */
  async focused(): Promise<string> {
    const element = await this.#browser.evaluate(() => {
      const { activeElement } = document;
      return (activeElement?.shadowRoot?.activeElement ?? activeElement) as unknown as Handle;
    });
    // Of what is gone meanwhile there is neither.
    const [role, name] = [this.#browser.role(element), this.#browser.name(element)].map((it) => it.catch(() => ""));
    return `${await role} ${await name}`;
  }

  /** The text of a part of the chat. */
  async text(role: string): Promise<string> {
    const element = await this.find(role);
    if (!element) return "";
    return this.#browser.evaluate((it) => (it as unknown as HTMLElement).innerText, element);
  }

  async reads(text: string, role = "log"): Promise<void> {
    await expect.poll(() => this.text(role), { message: `the text of the ${role}` }).toContain(text);
  }

  /** The content of the composer. */
  async draft(): Promise<string> {
    const element = await this.#composer();
    return this.#browser.evaluate((it) => (it as unknown as HTMLTextAreaElement).value, element);
  }

  async #composer(): Promise<Handle> {
    await this.sees("textbox", "Message");
    return (await this.find("textbox", "Message")) as Handle;
  }

  /** The violations that axe finds. */
  async violations(): Promise<string[]> {
    await this.#browser.evaluate(animationsEnd);
    await this.#browser.evaluate(new Function(await readFile(AXE, "utf8")) as () => void);
    const results = await this.#browser.evaluate(async () => {
      const { axe } = window as unknown as { axe: { run(...of: unknown[]): Promise<AxeResults> } };
      const options = { resultTypes: ["violations"], rules: { region: { enabled: false } } };
      const { passes, violations } = await axe.run(document, options);
      return {
        passes: passes.length,
        violations: violations.flatMap(({ id, nodes }) =>
          nodes.map(({ target, failureSummary }) => `${id}: ${target.join(" ")}: ${failureSummary}`),
        ),
      };
    });
    expect(results.passes, "axe has looked at something").toBeGreaterThan(0);
    return results.violations;
  }
}

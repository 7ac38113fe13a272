import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";

import type { Fixtures } from "@playwright/test";

import { required } from "./environment.ts";

/** The keys that are not characters: https://www.w3.org/TR/webdriver2/#keyboard-actions */
const KEYS: Record<string, string> = {
  Enter: "\uE007",
  Escape: "\uE00C",
  Shift: "\uE008",
  Tab: "\uE004",
};

const ELEMENT = "element-6066-11e4-a52e-4f735466cecf";

export type Handle = { [ELEMENT]: string };

/**
 * WebKitGTK's browser on a virtual screen, controlled by WebDriver, because Playwright supports
 * only a patched WebKit.
 */
export class WebKit {
  readonly #processes: ChildProcess[];
  readonly #session: string;

  private constructor(processes: ChildProcess[], session: string) {
    this.#processes = processes;
    this.#session = session;
  }

  /** `gtkTheme` is the browser's GTK theme, from which pages get their colour scheme. */
  static async start(driver: string, browser: string, gtkTheme: string): Promise<WebKit> {
    const screen = spawn("Xvfb", ["-displayfd", "3", "-screen", "0", "1400x1000x24", "-nolisten", "tcp"], {
      stdio: ["ignore", "ignore", "ignore", "pipe"],
    });
    const processes = [screen];
    try {
      const [display] = (await once(screen.stdio[3] as NodeJS.ReadableStream, "data")) as [Buffer];
      const port = await freePort();
      const env = {
        ...process.env,
        DISPLAY: `:${String(display).trim()}`,
        GTK_THEME: gtkTheme,
        LANG: "en_GB.UTF-8",
        TZ: "UTC",
      };
      processes.push(spawn(driver, [`--port=${port}`, "--host=127.0.0.1"], { env, stdio: "ignore" }));
      const server = `http://127.0.0.1:${port}`;
      for (let tries = 0; !(await fetch(`${server}/status`).catch(() => undefined)); tries += 1) {
        if (tries > 300) throw new Error("WebKitWebDriver does not answer");
        await pause(100);
      }
      const { sessionId } = await command<{ sessionId: string }>("POST", `${server}/session`, {
        capabilities: {
          alwaysMatch: {
            browserName: "MiniBrowser",
            "webkitgtk:browserOptions": { binary: browser, args: ["--automation"] },
          },
        },
      });
      return new WebKit(processes, `${server}/session/${sessionId}`);
    } catch (error) {
      for (const process of processes) process.kill();
      throw error;
    }
  }

  async close(): Promise<void> {
    await command("DELETE", this.#session).catch(() => {});
    for (const process of this.#processes.reverse()) {
      if (process.exitCode !== null) continue;
      const ended = once(process, "exit");
      if (process.kill()) await ended;
    }
  }

  async visit(url: string): Promise<void> {
    await this.#post("/url", { url });
  }

  async reload(): Promise<void> {
    await this.#post("/refresh", {});
  }

  async back(): Promise<void> {
    await this.#post("/back", {});
  }

  /** A picture of the window as PNG. */
  async picture(): Promise<Buffer> {
    return Buffer.from(await command<string>("GET", `${this.#session}/screenshot`), "base64");
  }

  async resize(width: number, height: number): Promise<void> {
    await this.#post("/window/rect", { width, height });
  }

  /** Calls a function in the page, and returns its result. */
  evaluate<T, A extends unknown[]>(call: (...args: A) => T | Promise<T>, ...args: A): Promise<T> {
    return this.#post<T>("/execute/sync", { script: `return (${String(call)})(...arguments)`, args });
  }

  async click(element: Handle): Promise<void> {
    await this.#post(`/element/${element[ELEMENT]}/click`, {});
  }

  /** Appends text to a field by typing. */
  async write(element: Handle, text: string): Promise<void> {
    await this.#post(`/element/${element[ELEMENT]}/value`, { text });
  }

  /** Finds an element by its role and name, as assistive technology does. */
  async role(element: Handle): Promise<string> {
    return command<string>("GET", `${this.#session}/element/${element[ELEMENT]}/computedrole`);
  }

  async name(element: Handle): Promise<string> {
    return command<string>("GET", `${this.#session}/element/${element[ELEMENT]}/computedlabel`);
  }

  /** Presses keys one after another, such as `Enter` or `Shift+Tab`. */
  async press(combination: string): Promise<void> {
    const keys = combination.split("+").map((key) => KEYS[key] ?? key);
    await this.#keys([
      ...keys.map((value) => ({ type: "keyDown", value })),
      ...keys.reverse().map((value) => ({ type: "keyUp", value })),
    ]);
  }

  async type(text: string): Promise<void> {
    await this.#keys(
      [...text].flatMap((value) => [
        { type: "keyDown", value },
        { type: "keyUp", value },
      ]),
    );
  }

  async #keys(actions: object[]): Promise<void> {
    await this.#post("/actions", { actions: [{ type: "key", id: "keyboard", actions }] });
  }

  #post<T>(path: string, body: object): Promise<T> {
    return command<T>("POST", this.#session + path, body);
  }
}

/**
 * All tests of a worker share one browser, since it takes a second to start. The project chooses
 * light or dark.
 */
export interface OneBrowser {
  gtkTheme: string;
  webkit: WebKit;
}

export const oneBrowser: Fixtures<object, OneBrowser> = {
  gtkTheme: ["Adwaita", { option: true, scope: "worker" }],
  webkit: [
    async ({ gtkTheme }, use) => {
      const browser = await WebKit.start(required("WEBKIT_DRIVER"), required("WEBKIT"), gtkTheme);
      await use(browser);
      await browser.close();
    },
    { scope: "worker" },
  ],
};

async function command<T>(method: string, url: string, body?: object): Promise<T> {
  const answer = await fetch(url, {
    method,
    ...(body && { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
  });
  const { value } = (await answer.json()) as { value: T & { error?: string; message?: string } };
  if (!answer.ok) throw new Error(`WebDriver: ${value.error}: ${value.message}`);
  return value;
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

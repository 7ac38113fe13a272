import { readdir, readFile } from "node:fs/promises";
import path from "node:path";

import { expect } from "@playwright/test";

/** The mailbox of a real mail server, which takes every mail for `example.org`. */
export class Maildir {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = path.join(folder, "new");
  }

  /** Waits until a mail to this address has arrived that has this text in it, and answers it. */
  async waitForMail(to: string, text: string): Promise<string> {
    let found: string | undefined;
    const arrived = async () => {
      const mails = await this.#mails();
      found = mails.find((mail) => mail.includes(`\nTo: ${to}\n`) && mail.includes(text));
      return found !== undefined;
    };
    await expect.poll(arrived, { message: `a mail to ${to}`, timeout: 60_000 }).toBe(true);
    return found ?? "";
  }

  async #mails(): Promise<string[]> {
    // Before the first mail there is no folder.
    const names = await readdir(this.#folder).catch(() => []);
    return Promise.all(names.map((name) => readFile(path.join(this.#folder, name), "utf8")));
  }
}

import type { Page, Request, Response } from "@playwright/test";

/** An answer that the browser has received. */
export interface Answer {
  method: string;
  url: string;
  status: number;
  headers: string;
  body: Buffer;
}

/** The path that all operations of the chat API have in common. */
export const API_PATH = "/v1/support-chat";

/** Records all requests and answers of a page, beginning before its first request. */
export class Traffic {
  readonly requests: Request[] = [];
  readonly #answers: Promise<Answer | undefined>[] = [];

  constructor(page: Page) {
    page.on("request", (request) => this.requests.push(request));
    page.on("response", (response) => this.#answers.push(read(response)));
  }

  /** The requests to the chat API. */
  apiRequests(): Request[] {
    return this.requests.filter((request) => new URL(request.url()).pathname.startsWith(API_PATH));
  }

  /** The requests about a conversation, without those of a panel that has none yet. */
  sessionRequests(): Request[] {
    return this.apiRequests().filter((request) => new URL(request.url()).pathname.startsWith(`${API_PATH}/sessions`));
  }

  /**
   * The names of the files of the chat itself, which contains the WebAssembly, without the
   * launcher's.
   */
  chatChunks(): string[] {
    return this.requests.flatMap((request) => {
      const { pathname } = new URL(request.url());
      const chunk = /\/(chat|ar|de|en|es|fr|uk)-[\w-]+\.js$/.exec(pathname);
      return chunk?.[1] ?? [];
    });
  }

  /** The answers so far, as they came over the network. */
  async answers(): Promise<Answer[]> {
    const answers = await Promise.all(this.#answers);
    return answers.filter((answer) => answer !== undefined);
  }
}

async function read(response: Response): Promise<Answer | undefined> {
  const request = response.request();
  // The answers of a tab that was closed cannot be read.
  const headers = await response.headersArray().catch(() => []);
  return {
    method: request.method(),
    url: response.url(),
    status: response.status(),
    headers: headers.map(({ name, value }) => `${name}: ${value}`).join("\n"),
    // A navigation, or an answer without a body, cannot be read.
    body: await response.body().catch(() => Buffer.alloc(0)),
  };
}

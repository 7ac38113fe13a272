import type { Page, Request, Response } from "@playwright/test";

/** An answer that the browser got. */
export interface Answer {
  method: string;
  url: string;
  status: number;
  headers: string;
  body: Buffer;
}

/** The path under which every operation of the chat API lives. */
export const API_PATH = "/v1/support-chat";

/** Records everything that a page asks for and gets, from before its first request on. */
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

  /** Those of them that are about a conversation: what a panel asks for before there is one is none. */
  sessionRequests(): Request[] {
    return this.apiRequests().filter((request) => new URL(request.url()).pathname.startsWith(`${API_PATH}/sessions`));
  }

  /** The names of what was fetched of the chat itself, which holds the WebAssembly: all but the launcher. */
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
  // A tab that was closed meanwhile has no body to read.
  const headers = await response.headersArray().catch(() => []);
  return {
    method: request.method(),
    url: response.url(),
    status: response.status(),
    headers: headers.map(({ name, value }) => `${name}: ${value}`).join("\n"),
    // A navigation, or an answer without a body, has none to read.
    body: await response.body().catch(() => Buffer.alloc(0)),
  };
}

import type { IncomingMessage, ServerResponse } from "node:http";
import { text as textOf } from "node:stream/consumers";

/** A request as a server of the tests has received it. */
export class Received {
  readonly #message: IncomingMessage;
  readonly #body: string;
  readonly #origin: string;

  constructor(message: IncomingMessage, body: string, origin: string) {
    this.#message = message;
    this.#body = body;
    this.#origin = origin;
  }

  method(): string {
    return this.#message.method ?? "";
  }

  url(): string {
    return new URL(this.#message.url ?? "/", this.#origin).href;
  }

  headers(): Record<string, string> {
    return Object.fromEntries(
      Object.entries(this.#message.headers).map(([name, value]) => [name, String(value)]),
    );
  }

  postDataJSON(): unknown {
    return this.#body === "" ? null : JSON.parse(this.#body);
  }
}

export interface Answer {
  status?: number;
  headers?: Record<string, string>;
  contentType?: string;
  body?: string | Buffer;
}

/**
 * A request over a real connection, and what should happen to it. It has the interface of
 * Playwright's `Route`, which does not work in every browser.
 */
export class Exchange {
  readonly #request: Received;
  readonly #response: ServerResponse;

  private constructor(request: Received, response: ServerResponse) {
    this.#request = request;
    this.#response = response;
  }

  static async of(message: IncomingMessage, response: ServerResponse, origin: string): Promise<Exchange> {
    return new Exchange(new Received(message, await textOf(message), origin), response);
  }

  request(): Received {
    return this.#request;
  }

  async fulfill({ status = 200, headers = {}, contentType, body }: Answer): Promise<void> {
    this.#response.writeHead(status, {
      ...headers,
      ...(contentType !== undefined && { "content-type": contentType }),
      // Browsers repeat a request that is cut off on a connection that was used before.
      connection: "close",
    });
    this.#response.end(body);
  }

  /** Closes the connection. */
  async abort(): Promise<void> {
    this.#response.destroy();
  }
}

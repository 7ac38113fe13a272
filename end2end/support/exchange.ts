import type { IncomingMessage, ServerResponse } from "node:http";
import { text as textOf } from "node:stream/consumers";

/** A request as a server of the tests got it. */
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
 * A request over a real connection, and what is to become of it. It has the names of Playwright's `Route`, which does
 * not work in every browser.
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
      // On a connection that was used before, browsers repeat a request that was cut off.
      connection: "close",
    });
    this.#response.end(body);
  }

  /** Cuts the connection. */
  async abort(): Promise<void> {
    this.#response.destroy();
  }
}

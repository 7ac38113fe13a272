import { expect } from "@playwright/test";

import { environment } from "./environment.ts";
import { API_PATH } from "./traffic.ts";

/** A visitor without a browser, who uses only the API. */
export class Session {
  readonly id: string;
  readonly #token: string;

  private constructor(id: string, token: string) {
    this.id = id;
    this.#token = token;
  }

  static async begin(creation: Record<string, string>): Promise<Session> {
    const answer = await ask("POST", "/sessions", creation);
    const { sessionId, token } = (await answer.json()) as { sessionId: string; token: string };
    return new Session(sessionId, token);
  }

  async say(body: string): Promise<void> {
    await this.#ask("POST", "messages", { body });
  }

  /** Moves to another page. */
  async goTo(sourceUrl: string, pageTitle: string): Promise<void> {
    await this.#ask("PUT", "page", { sourceUrl, pageTitle });
  }

  /** Ends the conversation. */
  async close(): Promise<void> {
    await this.#ask("POST", "close");
  }

  async #ask(method: string, operation: string, body?: object): Promise<void> {
    await ask(method, `/sessions/${this.id}/${operation}`, body, this.#token);
  }
}

async function ask(method: string, path: string, body?: object, token?: string): Promise<Response> {
  const answer = await fetch(environment.baseUrl() + API_PATH + path, {
    method,
    headers: {
      ...(body && { "content-type": "application/json" }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    },
    ...(body && { body: JSON.stringify(body) }),
  });
  expect(answer.ok, `${method} ${path}: ${answer.status}`).toBe(true);
  return answer;
}

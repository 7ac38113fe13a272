import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { text as textOf } from "node:stream/consumers";
import { setTimeout as pause } from "node:timers/promises";

import { Loopback } from "./loopback.ts";
import { API_PATH } from "./traffic.ts";

/** A visitor's message as the API has accepted it. */
export interface Taken {
  id: string;
  session: string;
  key: string;
  body: string;
}

/** How long requests and answers take on their way. */
export interface Latency {
  there: number;
  back: number;
}

const HEADERS = {
  "access-control-allow-origin": "*",
  "access-control-allow-headers": "authorization, content-type, idempotency-key",
  "access-control-allow-methods": "GET, POST, PUT, DELETE",
  "access-control-expose-headers": "support-chat-wait",
  "access-control-max-age": "600",
  "cache-control": "no-store",
};

/**
 * The chat's server over a real network connection. A request that the browser cuts off on the way
 * never arrives; one whose answer the browser no longer awaits was accepted nevertheless.
 */
export class LoopbackApi {
  /** Every message of the visitor, in order. */
  readonly taken: Taken[] = [];
  /** Every bearer token that was received. */
  readonly tokens = new Set<string>();
  /**
   * How often each operation was requested: `create`, `send`, `poll`, `close`, `page`, `email`,
   * `rating`.
   */
  readonly asked = new Map<string, number>();
  /** The availability that the server reports. */
  availability: { open: boolean; opensAt?: string; mail?: boolean; rating?: boolean } = { open: true };
  /** The number of seconds for which polls may wait; with 0, the server does not let them wait. */
  waitSeconds = 0;
  /** For each request of its own. */
  latency: () => Latency = () => ({ there: 0, back: 0 });

  readonly #name: string;
  readonly #sessions = new Map<string, string>();
  readonly #ended = new Set<string>();
  readonly #events = new EventTarget();
  #loopback: Loopback | undefined;
  #held: Promise<void> | undefined;
  #isLosing = false;
  #waiting = 0;

  private constructor(name: string) {
    this.#name = name;
  }

  static async start(name = "api"): Promise<LoopbackApi> {
    const api = new LoopbackApi(name);
    api.#loopback = await Loopback.serve((request, response) => {
      api.#answer(request, response).catch((error: unknown) => response.destroy(error as Error));
    });
    return api;
  }

  get origin(): string {
    return this.#loopback?.origin ?? "";
  }

  get sessions(): string[] {
    return [...this.#sessions.keys()];
  }

  /** Adds a reply of staff to a conversation. */
  reply(session: string, body: string): void {
    this.taken.push({ id: `m${this.taken.length + 1}`, session, key: "", body });
    this.#events.dispatchEvent(new Event("taken"));
  }

  /** Ends a conversation as staff do. */
  end(session: string): void {
    this.#ended.add(session);
    this.#events.dispatchEvent(new Event("taken"));
  }

  /** The number of waiting polls. */
  get waiting(): number {
    return this.#waiting;
  }

  /** How often a text was accepted. */
  times(body: string): number {
    return this.taken.filter((it) => it.body === body).length;
  }

  /** Holds back the answers to `POST` requests until the returned function is called. */
  hold(): () => void {
    let release = (): void => {};
    this.#held = new Promise((resolve) => (release = resolve));
    return () => {
      this.#held = undefined;
      release();
    };
  }

  /** Loses every `POST` request until the returned function is called. */
  lose(): () => void {
    this.#isLosing = true;
    return () => (this.#isLosing = false);
  }

  /** Waits until a text was accepted. */
  async takes(body: string): Promise<void> {
    while (this.times(body) === 0) await once(this.#events, "taken");
  }

  async close(): Promise<void> {
    await this.#loopback?.close();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method === "OPTIONS") return void response.writeHead(204, HEADERS).end();
    if (this.#isLosing && request.method === "POST") return;
    const { there, back } = this.latency();
    const sent = await textOf(request);
    await pause(there);
    // The request was cut off on its way.
    if (response.destroyed || request.socket.destroyed) return;
    await this.#wait(request, response);
    const [status, json] = this.#result(request, sent);
    await pause(back);
    if (request.method === "POST") await this.#held;
    const wait = this.waitSeconds > 0 && { "support-chat-wait": String(this.waitSeconds) };
    response.writeHead(status, { ...HEADERS, ...wait, "content-type": "application/json" });
    response.end(json === undefined ? undefined : JSON.stringify(json));
  }

  /** A poll that may wait is held until there is news or the client has gone. */
  async #wait(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { searchParams, pathname } = new URL(request.url ?? "/", this.origin);
    if (request.method !== "GET" || !searchParams.has("wait") || this.waitSeconds === 0) return;
    const session = pathname.split("/").at(-2);
    const newest = (): string | undefined => this.taken.findLast((it) => it.session === session)?.id;
    this.#waiting += 1;
    const gone = once(response, "close");
    const isOver = (): boolean => session !== undefined && this.#ended.has(session);
    while (!response.destroyed && !isOver() && newest() === searchParams.get("after")) {
      await Promise.race([once(this.#events, "taken"), gone]);
    }
    this.#waiting -= 1;
  }

  #result(request: IncomingMessage, sent: string): [status: number, json?: unknown] {
    const { pathname, searchParams } = new URL(request.url ?? "/", this.origin);
    if (pathname === `${API_PATH}/availability`) {
      return [200, this.availability];
    }
    const key = String(request.headers["idempotency-key"] ?? "");
    const [, session = "", operation] = pathname.slice(`${API_PATH}/sessions`.length).split("/");
    if (session === "") {
      this.#count("create");
      const { initialMessage } = JSON.parse(sent) as { initialMessage: string };
      // A repeated creation returns the same session with another valid token.
      let id = this.taken.find((it) => it.key === `create ${key}`)?.session;
      if (id === undefined) {
        id = `${this.#name}-s${this.#sessions.size + 1}`;
        this.#sessions.set(id, `${this.#name}-token-${this.#sessions.size + 1}`);
      }
      const token = this.#sessions.get(id);
      const accepted = this.#take(id, `create ${key}`, initialMessage);
      return [201, { sessionId: id, token, messages: [], ...accepted }];
    }
    const token = (request.headers.authorization ?? "").replace("Bearer ", "");
    this.tokens.add(token);
    if (this.#sessions.get(session) !== token) return [401, { code: "invalid_token" }];
    if (operation === "close") {
      this.#count("close");
      this.end(session);
      return [204];
    }
    if (operation === "page" || operation === "email" || operation === "rating") {
      this.#count(operation);
      return [204];
    }
    if (operation === "typing") return [204];
    if (this.#ended.has(session)) return [410, { code: "session_closed" }];
    if (request.method === "GET") {
      this.#count("poll");
      const own = this.taken.filter((it) => it.session === session);
      const messages = own.map(({ id, key, body }) => {
        const isOwn = key !== "";
        const sender = isOwn ? "visitor" : "staff";
        return { id, sender, body, createdAt: TIME, ...(isOwn && { delivery: "delivered" }) };
      });
      const after = messages.findIndex(({ id }) => id === searchParams.get("after"));
      return [200, { messages: messages.slice(after + 1) }];
    }
    this.#count("send");
    const { body } = JSON.parse(sent) as { body: string };
    return [201, this.#take(session, `${session} ${key}`, body)];
  }

  /** A repeated key returns the same message. */
  #take(session: string, key: string, body: string): { messageId: string; createdAt: string } {
    let taken = this.taken.find((it) => it.key === key);
    if (!taken) {
      taken = { id: `m${this.taken.length + 1}`, session, key, body };
      this.taken.push(taken);
      this.#events.dispatchEvent(new Event("taken"));
    }
    return { messageId: taken.id, createdAt: TIME };
  }

  #count(operation: string): void {
    this.asked.set(operation, (this.asked.get(operation) ?? 0) + 1);
  }
}

const TIME = "2026-05-23T14:05:00.000Z";

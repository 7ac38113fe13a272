import { createHash, randomBytes } from "node:crypto";

import { Exchange, type Received } from "./exchange.ts";
import { Loopback } from "./loopback.ts";
import { API_PATH } from "./traffic.ts";

/** What the test that runs has for an API. */
let current: ScriptedApi | undefined;

const loopback = await Loopback.serve(async (message, response) => {
  const exchange = await Exchange.of(message, response, API_ORIGIN);
  const isPreflight = exchange.request().method() === "OPTIONS";
  const isApi = message.url?.startsWith(API_PATH) === true;
  if (isPreflight) await exchange.fulfill({ status: 204, headers: HEADERS });
  else if (isApi && current) await current.answer(exchange);
  else await exchange.fulfill({ status: 404 });
});
loopback.idle();

/** Where the API is that the tests of this worker play. */
export const API_ORIGIN = loopback.origin;

export interface Message {
  id: string;
  sender: "visitor" | "staff";
  body: string;
  createdAt: string;
  delivery?: "pending" | "delivered" | "failed";
  replaces?: string;
  removed?: boolean;
}

export type Operation =
  | "create"
  | "send"
  | "poll"
  | "close"
  | "typing"
  | "availability"
  | "page"
  | "set-email"
  | "drop-email"
  | "resume"
  | "transcript"
  | "rating"
  | "erase";

/** Whether somebody is there, and what the server takes. */
export interface Availability {
  open: boolean;
  opensAt?: string;
  mail?: boolean;
  rating?: boolean;
}

/** What a poll tells beside messages. */
export interface Signals {
  marks?: { delivered?: string; seen?: string };
  staffTyping?: boolean;
}

/** What goes wrong with a request. */
export type Fault =
  | "unreachable"
  // A proxy on the way answers with a page.
  | { status: number; html: string }
  | {
      status: number;
      code: string;
      retryAfter?: number;
      turnstileSiteKey?: string;
      errors?: { field: string; code: string }[];
    };

const TOKEN = "the-token-that-nobody-may-see";
const HEADERS = {
  "access-control-allow-origin": "*",
  "access-control-allow-headers": "authorization, content-type, idempotency-key",
  "access-control-allow-methods": "GET, POST, PUT, DELETE",
  "access-control-max-age": "600",
  "access-control-expose-headers": "retry-after, support-chat-wait",
  "cache-control": "no-store",
};

/** The chat's server as the widget sees it, with one session, and in the test's hand. */
export class ScriptedApi {
  readonly token = TOKEN;
  readonly requests: { operation: Operation; request: Received }[] = [];
  /** For how many seconds polls may wait; 0 is a server that lets none. */
  waitSeconds = 0;
  /** What a visitor's message is said to be, from now on. */
  delivery: Message["delivery"] = "delivered";
  /** What polls tell beside messages; nothing, as a server that does not know of it. */
  signals: Signals | undefined;
  /** The time of the next message. */
  now = new Date("2026-05-23T14:05:00.000Z");

  /** So many proofs of work a conversation still needs to begin, one after the other. */
  proofsWanted = 0;
  /** What the server says of its hours. */
  availability: Availability = { open: true };
  /** Where replies are mailed. */
  email: string | undefined;
  rating: { rating: string; comment?: string } | undefined;
  /** What a transcript holds. */
  transcript = "A conversation.\n";
  /** Of each code of a mail, the session that it is for. */
  readonly codes = new Map<string, string>();

  /** The number that solves the next challenge; the highest that it may be. */
  proofNumber = 20_000;

  #challenge = "";
  /** One list for each session; what staff write goes into the newest. */
  readonly #sessions: Message[][] = [];
  readonly #faults = new Map<Operation, Fault>();
  readonly #held = new Map<Operation, Promise<void>>();
  /** What waiting polls wait for. */
  readonly #news = new EventTarget();
  readonly #keys = new Map<string, Message>();
  /** Of each code that was used, the key that it was used with. */
  readonly #usedCodes = new Map<string, string>();

  /** Another API: one for each test. */
  static start(): ScriptedApi {
    loopback.idle();
    current = new ScriptedApi();
    return current;
  }

  /** Staff write. */
  reply(body: string, more: Partial<Message> = {}): Message {
    return this.#add({ sender: "staff", body, ...more });
  }

  /** Staff change what they wrote, or, without a text, delete it. */
  change(message: Message, body = ""): void {
    this.#add({ sender: "staff", body, replaces: message.id, removed: body === "" });
  }

  /** From now on, this goes wrong; until `mend`. */
  break(operation: Operation, fault: Fault): void {
    this.#faults.set(operation, fault);
  }

  mend(): void {
    this.#faults.clear();
  }

  /** From now on, answers to this do not come; until the function is called that this gives. */
  hold(operation: Operation): () => void {
    let release = (): void => {};
    this.#held.set(operation, new Promise((resolve) => (release = resolve)));
    return () => {
      this.#held.delete(operation);
      release();
    };
  }

  /** From now on, polls tell this beside messages. */
  signal(signals: Signals): void {
    this.signals = signals;
    this.endWaits();
  }

  /** Answers the polls that wait, with nothing, as when their time is over. */
  endWaits(): void {
    this.#news.dispatchEvent(new Event("news"));
  }

  /** How many requests there were. */
  count(operation: Operation): number {
    return this.requests.filter((it) => it.operation === operation).length;
  }

  /** The JSON of the last request. */
  last(operation: Operation): Record<string, unknown> {
    const { request } = this.requests.findLast((it) => it.operation === operation) ?? {};
    return (request?.postDataJSON() ?? {}) as Record<string, unknown>;
  }

  #add(message: Omit<Message, "id" | "createdAt">): Message {
    const messages = this.#sessions.at(-1) ?? [];
    const added = {
      ...message,
      id: `m${messages.length + 1}`,
      createdAt: this.now.toISOString(),
    };
    messages.push(added);
    this.endWaits();
    this.now = new Date(this.now.getTime() + 60_000);
    return added;
  }

  /** A repeated key is the same message. */
  #accept(request: Received, body: string): Message {
    const key = request.headers()["idempotency-key"] ?? "";
    const accepted = this.#keys.get(key) ?? this.#add({ sender: "visitor", body });
    this.#keys.set(key, accepted);
    return accepted;
  }

  /** Answers a request, or lets it wait. */
  async answer(route: Exchange): Promise<void> {
    const request = route.request();
    const operation = operationOf(request);
    this.requests.push({ operation, request });
    await this.#held.get(operation);
    const fault = this.#faults.get(operation);
    if (fault === "unreachable") return route.abort().catch(gone);
    if (fault && "html" in fault) {
      const { status, html: body } = fault;
      return route.fulfill({ status, contentType: "text/html", headers: HEADERS, body }).catch(gone);
    }
    if (fault) {
      const { status, code, retryAfter, turnstileSiteKey, errors } = fault;
      return route
        .fulfill({
          status,
          contentType: "application/problem+json",
          headers: {
            ...HEADERS,
            ...(retryAfter !== undefined && { "retry-after": String(retryAfter) }),
          },
          body: JSON.stringify({ type: "about:blank", title: code, status, code, turnstileSiteKey, errors }),
        })
        .catch(gone);
    }
    const proof = operation === "create" ? this.#proofToAskFor(request) : undefined;
    if (proof) {
      const code = "proof_required";
      return route
        .fulfill({
          status: 403,
          contentType: "application/problem+json",
          headers: HEADERS,
          body: JSON.stringify({ type: "about:blank", title: code, status: 403, code, proof }),
        })
        .catch(gone);
    }
    if (operation === "poll" && this.#waits(request)) {
      await new Promise((resolve) => this.#news.addEventListener("news", resolve, { once: true }));
    }
    if (operation === "transcript") {
      const headers = { ...HEADERS, "content-disposition": 'attachment; filename="conversation.txt"' };
      return route
        .fulfill({ status: 200, headers, contentType: "text/plain; charset=utf-8", body: this.transcript })
        .catch(gone);
    }
    const [status, json] = this.#result(operation, request);
    const body = json === undefined ? "" : JSON.stringify(json);
    const headers = {
      ...HEADERS,
      // The operation that may be kept; a test does not wait for that.
      ...(operation === "availability" && { "cache-control": "public, max-age=0" }),
      ...(this.waitSeconds > 0 && { "support-chat-wait": String(this.waitSeconds) }),
    };
    return route
      .fulfill({ status, headers, contentType: "application/json", body })
      .catch(gone);
  }

  /** ALTCHA's challenge; none, where the request has brought the last proof that was wanted. */
  #proofToAskFor(request: Received): object | undefined {
    const { proof } = request.postDataJSON() as { proof?: string };
    if (proof !== undefined) {
      const solved = JSON.parse(Buffer.from(proof, "base64").toString()) as Record<string, unknown>;
      const { algorithm, challenge, number, salt, signature } = solved;
      const digest = sha256(`${String(salt)}${String(number)}`);
      const isRight = challenge === this.#challenge && digest === this.#challenge;
      if (algorithm === "SHA-256" && typeof number === "number" && signature === "signed" && isRight) {
        this.proofsWanted -= 1;
      }
    }
    if (this.proofsWanted <= 0) return undefined;
    const salt = `${randomBytes(16).toString("hex")}?expires=1795701000&maxnumber=${this.proofNumber}&`;
    this.#challenge = sha256(`${salt}${this.proofNumber}`);
    const challenge = this.#challenge;
    return { algorithm: "SHA-256", challenge, salt, maxnumber: this.proofNumber, signature: "signed" };
  }

  #messagesOf(request: Received): Message[] {
    const [, session] = /\/sessions\/s(\d+)\//.exec(request.url()) ?? [];
    return this.#sessions[Number(session) - 1] ?? [];
  }

  /** Stands for the signals. */
  #state(): string {
    return sha256(JSON.stringify(this.signals ?? {})).slice(0, 12);
  }

  #waits(request: Received): boolean {
    const { searchParams } = new URL(request.url());
    const isUpToDate = (searchParams.get("state") ?? this.#state()) === this.#state();
    const hasAll = this.#messagesOf(request).at(-1)?.id === searchParams.get("after");
    return searchParams.has("wait") && hasAll && isUpToDate;
  }

  #result(operation: Operation, request: Received): [status: number, json?: unknown] {
    switch (operation) {
      case "create": {
        this.#sessions.push([]);
        const { initialMessage } = request.postDataJSON() as { initialMessage: string };
        const { id, createdAt } = this.#accept(request, initialMessage);
        const sessionId = `s${this.#sessions.length}`;
        return [201, { sessionId, token: TOKEN, messages: [], messageId: id, createdAt }];
      }
      case "send": {
        const { body } = request.postDataJSON() as { body: string };
        const { id, createdAt } = this.#accept(request, body);
        return [201, { messageId: id, createdAt }];
      }
      case "poll": {
        const after = new URL(request.url()).searchParams.get("after");
        const all = this.#messagesOf(request);
        const from = all.findIndex((message) => message.id === after) + 1;
        const messages = all.slice(from, from + 100).map((message) => ({
          ...message,
          ...(message.sender === "visitor" && { delivery: this.delivery }),
        }));
        const signals = this.signals && { ...this.signals, state: this.#state() };
        return [200, { messages, ...signals }];
      }
      case "availability":
        return [200, this.availability];
      case "set-email":
        this.email = (request.postDataJSON() as { email: string }).email;
        return [204];
      case "drop-email":
        this.email = undefined;
        return [204];
      case "rating":
        this.rating = request.postDataJSON() as { rating: string; comment?: string };
        return [204];
      case "resume": {
        const { code } = request.postDataJSON() as { code: string };
        const key = request.headers()["idempotency-key"] ?? "";
        const sessionId = this.codes.get(code);
        // Good once, and for the repetition of that once.
        if (sessionId === undefined || (this.#usedCodes.get(code) ?? key) !== key) {
          return [404, { type: "about:blank", title: "unknown", status: 404, code: "resume_code_unknown" }];
        }
        this.#usedCodes.set(code, key);
        return [201, { sessionId, token: TOKEN, messages: [] }];
      }
      case "close":
      case "typing":
      case "page":
      case "transcript":
      case "erase":
        return [204];
    }
  }
}

function operationOf(request: Received): Operation {
  const { pathname } = new URL(request.url());
  if (pathname.endsWith("/close")) return "close";
  if (pathname.endsWith("/typing")) return "typing";
  if (pathname.endsWith("/availability")) return "availability";
  if (pathname.endsWith("/page")) return "page";
  if (pathname.endsWith("/email")) return request.method() === "DELETE" ? "drop-email" : "set-email";
  if (pathname.endsWith("/rating")) return "rating";
  if (pathname.endsWith("/transcript")) return "transcript";
  if (pathname.endsWith("/sessions/resume")) return "resume";
  if (pathname.endsWith("/sessions")) return "create";
  if (request.method() === "DELETE") return "erase";
  return request.method() === "GET" ? "poll" : "send";
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** The page was closed, or the widget has given the request up. */
function gone(): void {}

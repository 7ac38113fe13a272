import { createHash, randomBytes } from "node:crypto";

import { Exchange, type Received } from "./exchange.ts";
import { Loopback } from "./loopback.ts";
import { API_PATH } from "./traffic.ts";

/** The API of the test that is running. */
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

/** The origin at which the tests of this worker simulate the API. */
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
  | "mail-transcript"
  | "rating"
  | "erase";

/** Whether staff are available, and what the server offers. */
export interface Availability {
  open: boolean;
  opensAt?: string;
  mail?: boolean;
  rating?: boolean;
}

/** The signals that a poll returns besides messages. */
export interface Signals {
  marks?: { delivered?: string; seen?: string };
  staffTyping?: boolean;
}

/** A fault of a request. */
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

/** The chat's server as the widget sees it, with one session, controlled by the test. */
export class ScriptedApi {
  readonly token = TOKEN;
  readonly requests: { operation: Operation; request: Received }[] = [];
  /** The number of seconds for which polls may wait; with 0, the server does not let them wait. */
  waitSeconds = 0;
  /** The delivery of the visitor's messages from now on. */
  delivery: Message["delivery"] = "delivered";
  /** The signals that polls return; undefined for a server that does not know them. */
  signals: Signals | undefined;
  /** The time of the next message. */
  now = new Date("2026-05-23T14:05:00.000Z");

  /** How many proofs of work in a row are still required to begin a conversation. */
  proofsWanted = 0;
  /** The availability that the server reports. */
  availability: Availability = { open: true };
  /** The address to which replies are mailed. */
  email: string | undefined;
  rating: { rating: string; comment?: string } | undefined;
  /** The content of the transcript. */
  transcript = "A conversation.\n";
  /** The sessions by the codes of mails. */
  readonly codes = new Map<string, string>();

  /** The number that solves the next challenge, and the highest possible one. */
  proofNumber = 20_000;

  #challenge = "";
  /** The messages of each session. Replies go into the newest. */
  readonly #sessions: Message[][] = [];
  readonly #faults = new Map<Operation, Fault>();
  readonly #held = new Map<Operation, Promise<void>>();
  /** Callbacks of the waiting polls. */
  readonly #news = new EventTarget();
  readonly #keys = new Map<string, Message>();
  /** The key with which each used code was used. */
  readonly #usedCodes = new Map<string, string>();

  /** Creates another API, one for each test. */
  static start(): ScriptedApi {
    loopback.idle();
    current = new ScriptedApi();
    return current;
  }

  /** Adds a reply of staff. */
  reply(body: string, more: Partial<Message> = {}): Message {
    return this.#add({ sender: "staff", body, ...more });
  }

  /** Edits a reply of staff or, without a text, deletes it. */
  change(message: Message, body = ""): void {
    this.#add({ sender: "staff", body, replaces: message.id, removed: body === "" });
  }

  /** Causes this fault from now on, until `mend`. */
  break(operation: Operation, fault: Fault): void {
    this.#faults.set(operation, fault);
  }

  mend(): void {
    this.#faults.clear();
  }

  /** Holds back the answers to this operation until the returned function is called. */
  hold(operation: Operation): () => void {
    let release = (): void => {};
    this.#held.set(operation, new Promise((resolve) => (release = resolve)));
    return () => {
      this.#held.delete(operation);
      release();
    };
  }

  /** Makes polls return these signals from now on. */
  signal(signals: Signals): void {
    this.signals = signals;
    this.endWaits();
  }

  /** Answers the waiting polls with nothing, as when their time is over. */
  endWaits(): void {
    this.#news.dispatchEvent(new Event("news"));
  }

  /** The number of requests. */
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

  /** A repeated key returns the same message. */
  #accept(request: Received, body: string): Message {
    const key = request.headers()["idempotency-key"] ?? "";
    const accepted = this.#keys.get(key) ?? this.#add({ sender: "visitor", body });
    this.#keys.set(key, accepted);
    return accepted;
  }

  /** Answers a request, or holds it. */
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
      // The held operation may never end, so the test does not wait for it.
      ...(operation === "availability" && { "cache-control": "public, max-age=0" }),
      ...(this.waitSeconds > 0 && { "support-chat-wait": String(this.waitSeconds) }),
    };
    return route
      .fulfill({ status, headers, contentType: "application/json", body })
      .catch(gone);
  }

  /** Returns ALTCHA's challenge, or nothing if the request contains the last required proof. */
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

  /** A digest of the signals. */
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
      case "mail-transcript":
        return [204];
      case "rating":
        this.rating = request.postDataJSON() as { rating: string; comment?: string };
        return [204];
      case "resume": {
        const { code } = request.postDataJSON() as { code: string };
        const key = request.headers()["idempotency-key"] ?? "";
        const sessionId = this.codes.get(code);
        // A code is valid once, and for repetitions of that request.
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
  if (pathname.endsWith("/transcript/mail")) return "mail-transcript";
  if (pathname.endsWith("/sessions/resume")) return "resume";
  if (pathname.endsWith("/sessions")) return "create";
  if (request.method() === "DELETE") return "erase";
  return request.method() === "GET" ? "poll" : "send";
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** The page was closed, or the widget has cancelled the request. */
function gone(): void {}

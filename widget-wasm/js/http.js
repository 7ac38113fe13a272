/** The requests whose answers are awaited. */
const waiting = new Set();

/**
 * A request of the chat's. The visitor's actions continue when the page is left (`keepalive`);
 * polls do not.
 */
export class Http extends EventTarget {
  #stop = new AbortController();
  #keepalive;
  #identity;

  /**
   * `identity` is the token by which the page's server vouches for the visitor, if it does. It is
   * added to the request that begins a conversation.
   */
  constructor(identity) {
    super();
    this.#identity = identity;
  }

  request(method, url, authorization, key, body, ms) {
    waiting.add(this);
    const keepalive = (this.#keepalive = method !== "GET");
    const headers = { authorization, "idempotency-key": key, "content-type": body && "application/json" };
    for (const name in headers) headers[name] ?? delete headers[name];
    const stop = this.#stop;
    if (this.#identity && body && !authorization) body = JSON.stringify({ ...JSON.parse(body), identity: this.#identity });
    try {
      return Object.assign(new Request(url, { method, headers, body, keepalive, signal: stop.signal }), { stop, ms });
    } catch {
      // The address is invalid.
    }
  }

  letGo() {
    waiting.delete(this);
    if (!this.#keepalive) this.#stop.abort();
  }
}

/** Called when a request has made progress. */
export function woken() {
  for (const it of waiting) it.dispatchEvent(new Event("loadend"));
}

/**
 * Replaces `fetch` for gloo-net. It always returns a response, even if the page has replaced
 * `fetch` or the network fails.
 */
export async function fetch(request) {
  const ask = async () => {
    const timer = setTimeout(() => request.stop.abort(), request.ms);
    try {
      // `self` and `globalThis` a page may have made something else of, and `window` it cannot.
      const answer = await window.fetch(request);
      return new Response((await answer.text()) || null, answer);
    } finally {
      clearTimeout(timer);
    }
  };
  try {
    // Only a conversation needs this, and not the panel's opening.
    const tabs = request.url.includes("wait=") && (await import("./tabs.js").catch(() => {}));
    return await (tabs ? tabs.share(request.url, request.signal, ask) : ask());
  } catch {
    return Response.error();
  }
}

/**
 * A request of the chat's, which ends in the event `loadend`, whichever way. What the visitor does goes on when the page
 * is left (`keepalive`); polls do not.
 */
export class Http extends EventTarget {
  status = 0;
  json = null;
  #headers = {};
  #keepalive;
  #answer;
  #timer;
  #stop = new AbortController();

  setHeader(name, value) {
    this.#headers[name] = value;
  }

  async send(method, url, body, timeout) {
    const keepalive = (this.#keepalive = method !== "GET");
    const { signal } = this.#stop;
    const headers = this.#headers;
    const ask = async () => {
      this.#timer = setTimeout(() => this.#stop.abort(), timeout);
      const answer = await fetch(url, { method, headers, body, keepalive, signal });
      const text = await answer.text();
      return { status: answer.status, text, headers: Object.fromEntries(answer.headers) };
    };
    try {
      // Only a conversation needs this, and not the panel's opening.
      const tabs = navigator.locks && url.includes("wait=") && (await import("./tabs.js").catch(() => {}));
      const answer = (this.#answer = await (tabs ? tabs.share(url, signal, ask) : ask()));
      this.status = answer.status;
      this.json = JSON.parse(answer.text);
    } catch {
      // There was no answer, or it is no JSON.
    }
    clearTimeout(this.#timer);
    this.dispatchEvent(new Event("loadend"));
  }

  header(name) {
    return this.#answer?.headers[name];
  }

  letGo() {
    clearTimeout(this.#timer);
    if (!this.#keepalive) this.#stop.abort();
  }
}

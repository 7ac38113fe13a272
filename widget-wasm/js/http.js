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
    this.#timer = setTimeout(() => this.#stop.abort(), timeout);
    try {
      const answer = (this.#answer = await fetch(url, { method, headers, body, keepalive, signal }));
      const text = await answer.text();
      this.status = answer.status;
      this.json = JSON.parse(text);
    } catch {
      // There was no answer, or it is no JSON.
    }
    clearTimeout(this.#timer);
    this.dispatchEvent(new Event("loadend"));
  }

  header(name) {
    return this.#answer?.headers.get(name);
  }

  letGo() {
    clearTimeout(this.#timer);
    if (!this.#keepalive) this.#stop.abort();
  }
}

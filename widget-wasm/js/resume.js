// Resumes a conversation with a code from a mail, which `visit.js` has taken from the address.

const TIMEOUT_MS = 20_000;
const FIRST_WAIT_MS = 2_000;
const MOST_WAIT_MS = 60_000;

/** The name under which the tab stores the code until the server has answered. */
const CODE = "-resume";

export class Part {
  #offers;
  #box;
  #words;
  #button;
  /** What is said. */
  #key;
  /** The code that is asked with; nothing, when none is. */
  #code;

  constructor(offers) {
    this.#offers = offers;
    const { make } = offers;
    this.#box = make(offers.panel, "div", { className: "offer", tabIndex: -1 });
    this.#words = make(this.#box, "p", { role: "status" });
    this.#button = make(this.#box, "button", { type: "button", hidden: true });
    this.#button.onclick = () => this.#leave();
    offers.composer.before(this.#box);
    this.#begin();
  }

  /** Another code has come. */
  show(isWanted) {
    if (isWanted && this.#offers.host.load(CODE).code !== this.#code) this.#begin();
  }

  #begin() {
    const { composer, root, host } = this.#offers;
    const { code, key = host.key() } = host.load(CODE);
    this.#code = code;
    this.#key = "restoring";
    this.#box.hidden = false;
    this.#button.hidden = true;
    // What is written meanwhile would begin a conversation of its own.
    const hadFocus = composer.contains(root.activeElement);
    composer.inert = true;
    if (hadFocus) this.#box.focus();
    this.translate();
    // A repetition has the same key, on another page of the tab too.
    host.keep(CODE, JSON.stringify({ code, key }));
    this.#try(code, key);
  }

  async #try(code, key) {
    const { host, root } = this.#offers;
    const isGivenUp = () => code !== this.#code || !this.#box.isConnected;
    for (let wait = FIRST_WAIT_MS; !isGivenUp(); wait = Math.min(2 * wait, MOST_WAIT_MS)) {
      const session = await ask(host.apiUrl, code, key);
      if (isGivenUp()) return;
      if (session === "refused") {
        this.#code = undefined;
        host.keep(CODE, "");
        return this.#say("resume_failed");
      }
      if (session) {
        host.keep(CODE, "");
        host.keep("-read", "");
        host.keep("", JSON.stringify(session));
        this.#leave();
        root.dispatchEvent(new Event("resume"));
        return;
      }
      this.#say("unreachable");
      await pause(wait);
    }
  }

  translate() {
    const { host, text, say } = this.#offers;
    if (this.#box.hidden) return;
    say(this.#words, text(this.#key));
    say(this.#button, text(host.load("") ? "stay" : "restart"));
  }

  /** Says why the conversation cannot be resumed, and shows a button that leads on. */
  #say(key) {
    this.#key = key;
    this.translate();
    this.#button.hidden = false;
  }

  /** Restores the panel as it was without the code. */
  #leave() {
    const { host, root, composer } = this.#offers;
    this.#code = undefined;
    host.keep(CODE, "");
    const hadFocus = this.#box.contains(root.activeElement);
    this.#box.hidden = true;
    composer.inert = false;
    if (hadFocus) composer.firstChild.focus();
  }
}

/**
 * Returns the conversation of a code; `"refused"` if the server rejects the code; nothing if that
 * is unknown.
 */
async function ask(api, code, key) {
  try {
    const response = await fetch(`${api}/v1/support-chat/sessions/resume`, {
      method: "POST",
      headers: { "content-type": "application/json", "idempotency-key": key },
      body: JSON.stringify({ code }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const json = await response.json();
    const { sessionId, token } = json;
    if (response.status === 201 && sessionId && token) return { sessionId, token };
    // Only a problem document of the server's counts as a refusal, not an error page of a proxy.
    const isRefusal = response.status >= 400 && response.status < 500 && response.status !== 429;
    return isRefusal && typeof json.code === "string" ? "refused" : undefined;
  } catch {
    return undefined;
  }
}

/** Resolves after a time, or when the browser is online again. */
const pause = (ms) =>
  new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    addEventListener("online", done);
    function done() {
      clearTimeout(timer);
      removeEventListener("online", done);
      resolve();
    }
  });

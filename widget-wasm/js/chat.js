// The chat itself: the panel as WASM, its style, and the texts of one language.
import css from "./widget.css";
import { Http } from "./http.js";
import { Store } from "./store.js";
import { initSync, start } from "./widget-wasm.js";
import { mask, masked } from "./wasm.js";

const sheet = new CSSStyleSheet();
sheet.replaceSync(css);
/** The style sheet for the page while the panel covers it. */
const covered = new CSSStyleSheet();
covered.replaceSync("html{overflow:hidden!important}");

// The WASM is part of this module, because fetching it would need more in a page's
// Content-Security-Policy than the API's address in `connect-src`.
async function startWasm() {
  const bytes = Uint8Array.from(masked, (character) => character.charCodeAt(0) ^ mask);
  initSync({ module: await WebAssembly.compile(bytes) });
}
const failed = startWasm().catch((error) => error);

/**
 * Gets everything ready to begin with this locale, which is on its way, and to go on in the
 * language that a function gives, whose locale is a part that another fetches; the result starts the chat of an element.
 */
export async function prepare(locale, language, part) {
  const { default: texts } = await locale;
  const failure = await failed;
  const failing = { text: texts.load_failed, again: texts.try_again };
  if (failure) throw failing;
  return (element, root, launcher) => {
    // A chat that has died comes back when the visitor wants it, and not without end.
    if (lastWords && !element.open) throw { ...failing, text: lastWords };
    root.adoptedStyleSheets.push(sheet);
    // What was said of a failure before.
    launcher.nextSibling?.remove();
    const host = new Host(element, root, launcher);
    host.speak(texts);
    try {
      return new Chat(host, root, language, part);
    } catch {
      // What there is of it would stand around the words.
      root.dispatchEvent(new Event("destroy"));
      root.adoptedStyleSheets.pop();
      while (launcher.nextSibling) launcher.nextSibling.remove();
      throw failing;
    }
  };
}

/** Normalises an API's address, without a slash at its end. */
function address(url) {
  // If the address is invalid, the requests to it fail, and the visitor is told.
  return attempt(() => new URL(url, document.baseURI).href, url).replace(/\/+$/, "");
}

/**
 * Returns the result of `give`; or `otherwise` if that throws, because the page or the browser has
 * broken something that it uses.
 */
function attempt(give, otherwise) {
  try {
    return give();
  } catch {
    return otherwise;
  }
}

/**
 * Returns a text of the page's if it is a string or a number. Other objects would be shown as
 * `[object Object]`.
 */
function words(give) {
  const value = attempt(give);
  return ["string", "number"].includes(typeof value) ? String(value) : undefined;
}

/** What the visitor sees after the chat has crashed. */
let lastWords;

/** A chat that follows the language of the page. */
class Chat {
  #host;
  #root;
  #timer;
  #offers;
  #stop = new AbortController();

  constructor(host, root, language, part) {
    const { launcher } = host;
    start(host, root, launcher);
    host.showSound();
    host.advise();
    this.#host = host;
    this.#root = root;
    const follow = async () => {
      host.consent();
      const wanted = `${language()}`;
      // Without its texts, the chat stays in the language that it has.
      const locale = await part(wanted).catch(() => {});
      const texts = locale?.default ?? host.texts;
      if (!this.#stop.signal.aborted && wanted === `${language()}` && texts !== host.texts) {
        host.speak(texts);
        this.#do("translate");
      }
    };
    const { signal } = this.#stop;
    attempt(() => {
      const observer = new MutationObserver(follow);
      const options = { subtree: true, attributeFilter: ["lang", "consent"] };
      // Within another shadow tree, the page's observer would not see the element.
      for (const node of [document, host.element]) observer.observe(node, options);
      signal.onabort = () => observer.disconnect();
    });
    follow();

    let ticks = 0;
    this.#timer = setInterval(() => {
      ticks += 1;
      // Staff may resume a conversation that has ended. A page with `watch-replies` wants to hear
      // of replies while the panel is closed.
      const isDue = host.isOpen ? host.hasEnded : ticks % 2 && host.element.hasAttribute("watch-replies");
      if (isDue && document.visibilityState === "visible") launcher.dispatchEvent(new Event("look", { bubbles: true }));
    }, 30_000);

    const act = (what) => this.#do(what);
    const joined = import("./siblings.js").then((it) => it.join(host, root, signal, act)).catch(() => {});
    host.tell = async (news) => (await joined)?.(news);
  }

  setOpen(open) {
    const isOpening = open && !this.#host.isOpen;
    this.#host.isOpen = open;
    this.#do(open ? "opened" : "closed");
    // What it offers beside the conversation nobody waits for.
    if (isOpening) this.#offers ??= import("./offers.js").then((it) => this.#stop.signal.aborted || new it.Offers(this.#host, this.#root)).catch(() => {});
    // Another tab may have a conversation to join.
    if (isOpening && !this.#host.load("")) this.#host.tell({ isAsked: true });
  }

  destroy() {
    this.#stop.abort();
    clearInterval(this.#timer);
    this.#do("destroy");
  }

  /** Sends one of the events that the WASM listens for. */
  #do(what) {
    this.#root.dispatchEvent(new Event(what));
  }
}

/**
 * What the chat needs from the page around it. The chat gets a usable value whatever the page or
 * the browser returns, because an exception that passes through the WASM would leave it in a broken
 * state.
 */
class Host {
  #store;
  #root;
  #isDead = false;
  #advice;
  #unchallenge;
  #consent = "";
  #consentNode;
  #isConsentWanted;

  constructor(element, root, launcher) {
    this.element = element;
    this.#root = root;
    this.launcher = launcher;
    this.apiUrl = address(element.apiUrl);
    this.#store = new Store(this.apiUrl);
  }

  load(name) {
    return this.#store.load(name);
  }
  keep(name, json) {
    // Remembers the conversation that this tab gives up, so that another tab does not give it back.
    if (!name && !json) this.left = this.load("")?.sessionId ?? this.left;
    this.#store.keep(name, json);
  }
  get isStale() {
    return this.#store.isStale();
  }
  http() {
    const identity = this.#known("identity", "identity");
    // With one that the server refuses, the visitor could not write.
    const isFit = /^[!-~]{0,8192}$/.test(identity);
    if (!isFit) this.advise();
    return new Http(isFit && identity);
  }
  /** Says in the console what on the page cannot work, for which the launcher's script has no room. */
  advise() {
    this.#advice ??= import("./advice.js").catch(() => {});
    this.#advice.then((it) => it?.advise(this.element));
  }

  get hasEnded() {
    return this.#root.querySelector("textarea").parentNode.hidden;
  }

  speak(texts) {
    this.texts = texts;
    const language = (this.language = texts.lang);
    // Times follow the visitor's own variant of the language, such as British English.
    const speaks = (it) => attempt(() => new Intl.Locale(it).language === language);
    this.locale = attempt(() => navigator.languages.find(speaks)) ?? language;
    this.launcher.title = this.text("launcher");
  }

  get visitorName() {
    return this.#known("visitorName", "visitor-name");
  }
  get visitorEmail() {
    return this.#known("visitorEmail", "visitor-email");
  }
  #known(property, attribute) {
    return words(() => this.element[property]) ?? this.element.getAttribute(attribute) ?? "";
  }

  get pageUrl() {
    return location.origin + location.pathname;
  }
  /** Returns 128 random bits. (`crypto.randomUUID` is missing on pages without TLS.) */
  key() {
    return crypto.getRandomValues(new Uint32Array(4)).join("-");
  }

  text(key) {
    const own = words(() => this.element.messages[key]);
    return own?.trim() ? own : this.texts[key];
  }
  number(value) {
    return attempt(() => value.toLocaleString(this.locale), `${value}`);
  }
  /** Formats a time of today as `14:05`, and of another day with the date. */
  time(at) {
    const date = new Date(at);
    const isToday = date.toDateString() === new Date().toDateString();
    const style = { dateStyle: isToday ? undefined : "short", timeStyle: "short" };
    return attempt(() => date.toLocaleString(this.locale, style), at);
  }

  /**
   * Solves the proof of work in a server's problem, and sends the chat the answer, if there is one.
   */
  async prove({ proof }) {
    const solved = import("./proof.js").then((it) => it.solve(proof, this.launcher));
    this.#solved(await solved.catch(() => {}));
  }
  #solved(detail) {
    this.#root.dispatchEvent(new CustomEvent("proof", { detail }));
  }
  /** Shows a challenge; without `siteKey`, removes it. */
  async challenge(node, siteKey) {
    this.#unchallenge?.();
    this.#unchallenge = undefined;
    if (!siteKey) return;
    let isOver;
    this.#unchallenge = () => (isOver = true);
    const it = await import("./challenge.js").catch(() => {});
    if (isOver) return;
    if (it) this.#unchallenge = it.show(node, siteKey, (token) => this.#solved(token));
    else this.#solved();
  }
  get #hasSound() {
    return this.load("-sound");
  }
  /** Shows whether replies play a sound. The visitor has to switch it on. */
  showSound() {
    this.#root.querySelector(".sound").setAttribute("aria-pressed", !!this.#hasSound);
  }
  sound() {
    this.keep("-sound", this.#hasSound ? "" : "{}");
    this.showSound();
    this.#play();
  }
  #play() {
    if (this.#hasSound) import("./sound.js").then((it) => it.play()).catch(() => {});
  }
  close() {
    this.element.removeAttribute("open");
  }
  /** Shows a text in a node, with links for the addresses in it. */
  async fill(node, text) {
    node.textContent = text;
    if (!/https?:|mailto:/i.test(text)) return;
    const links = await import("./links.js").catch(() => {});
    // Staff may have edited the text meanwhile.
    if (node.textContent === text) links?.fill(node, text);
  }
  /** Shows what the page wants known before the first message, or takes it away. */
  async consent(node = this.#consentNode, isWanted = this.#isConsentWanted) {
    this.#consentNode = node;
    this.#isConsentWanted = isWanted;
    const text = (isWanted && this.element.getAttribute("consent")) || "";
    if (text === this.#consent) return;
    this.#consent = text;
    // Its words are there at once. Without their links, they are not complete.
    node.textContent = text.replace(/\[(.+?)]\(.+?\)/g, "$1");
    const links = text && (await import("./links.js").catch(() => {}));
    if (text !== this.#consent) return;
    if (links) links.fill(node, text, true);
    else node.textContent = text;
  }
  /** Whether the panel covers the page, which then does not scroll behind it. */
  cover(isCovered) {
    const others = document.adoptedStyleSheets.filter((it) => it !== covered);
    document.adoptedStyleSheets = isCovered ? [...others, covered] : others;
  }
  emit(name, detail) {
    if (/received/.test(name)) this.#play();
    // A reply that is visible in this tab counts as read in all tabs.
    const isSeen = this.isOpen && document.visibilityState === "visible";
    if (/opened|received/.test(name) && isSeen) this.tell({ read: this.load("")?.sessionId });
    this.element.dispatchEvent(
      new CustomEvent(`support-chat-${name}`, { bubbles: true, composed: true, detail }),
    );
  }

  /**
   * Wraps a function of the WASM's, so that a failure does not leave the visitor with a dead panel.
   */
  guard(call) {
    return (event) => {
      if (this.#isDead) return;
      try {
        call(event);
      } catch {
        this.#die();
      }
    };
  }

  /** A function of the WASM's has failed: what is to be done then came with what is said of the page. */
  async #die() {
    this.#isDead = true;
    lastWords = (await this.#advice)?.bury(this, this.#root);
  }
}

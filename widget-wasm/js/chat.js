// The chat itself: the panel's Rust as WASM, its style, and the texts of one language.
import css from "./widget.css";
import { initSync, Widget } from "./widget-wasm.js";
import { mask, masked } from "./wasm.js";

const sheet = new CSSStyleSheet();
sheet.replaceSync(css);

// The WASM comes inside this module, since fetching it would take more of a page's
// Content-Security-Policy than the API's address in `connect-src`.
async function startWasm() {
  const bytes = Uint8Array.from(masked, (character) => character.charCodeAt(0) ^ mask);
  initSync({ module: await WebAssembly.compile(bytes) });
}
const failed = startWasm().catch((error) => error);

/**
 * Gets everything ready to begin with this locale, which is on its way, and to go on in the
 * language that a function gives; the result starts the chat of an element.
 */
export async function prepare(locale, language) {
  const { default: texts } = await locale;
  const failure = await failed;
  if (failure) throw Object.assign(failure, { text: texts.load_failed });
  return (element, root, launcher) => {
    root.adoptedStyleSheets.push(sheet);
    const host = new Host(element, launcher);
    host.speak(texts);
    return new Chat(host, root, launcher, language);
  };
}

/** A chat in the language of the page, whichever that becomes. */
class Chat extends Widget {
  #observer;

  constructor(host, root, launcher, language) {
    super(host, root, launcher);
    const follow = async () => {
      const wanted = language();
      // Without its texts, the chat stays in the language that it has.
      const locale = await wanted[1]().catch(() => {});
      const texts = locale?.default ?? host.texts;
      if (this.#observer && wanted === language() && texts !== host.texts) {
        host.speak(texts);
        this.translate();
      }
    };
    this.#observer = new MutationObserver(follow);
    const options = { subtree: true, attributeFilter: ["lang"] };
    // Within another shadow tree, the page's observer would not see the element.
    for (const node of [document, host.element]) this.#observer.observe(node, options);
    follow();
  }

  destroy() {
    this.#observer.disconnect();
    this.#observer = undefined;
    super.destroy();
  }
}

/** What the chat wants of the page around it. */
class Host {
  constructor(element, launcher) {
    this.element = element;
    this.launcher = launcher;
  }

  speak(texts) {
    this.texts = texts;
    const language = (this.language = texts.lang);
    // The visitor's own way of writing times, if they speak the language: British, not American.
    this.locale = navigator.languages.find((it) => it.split("-")[0] === language) ?? language;
    this.launcher.setAttribute("aria-label", this.text("launcher"));
  }

  get apiUrl() {
    return this.element.apiUrl;
  }
  get visitorName() {
    return this.element.visitorName ?? this.element.getAttribute("visitor-name") ?? "";
  }
  get visitorEmail() {
    return this.element.visitorEmail ?? this.element.getAttribute("visitor-email") ?? "";
  }

  get pageUrl() {
    return location.origin + location.pathname;
  }
  /** 128 random bits. (`crypto.randomUUID` is missing on pages without TLS.) */
  key() {
    return crypto.getRandomValues(new Uint32Array(4)).join("-");
  }

  text(key) {
    return this.element.messages?.[key] ?? this.texts[key];
  }
  number(value) {
    return value.toLocaleString(this.locale);
  }
  /** A time of today as `14:05`; of another day, with the date. */
  time(at) {
    const date = new Date(at);
    const isToday = date.toDateString() === new Date().toDateString();
    return date.toLocaleString(this.locale, {
      dateStyle: isToday ? undefined : "short",
      timeStyle: "short",
    });
  }

  /** Solves the proof of work of a server's problem, and tells the chat the answer, if there is one. */
  async prove({ proof }) {
    const { launcher } = this;
    const solved = import("./proof.js").then((it) => it.solve(proof, launcher));
    const detail = await solved.catch(() => {});
    // To the shadow root that the launcher is in, and no further.
    launcher.dispatchEvent(new CustomEvent("proof", { bubbles: true, detail }));
  }
  close() {
    this.element.hide();
  }
  emit(name, detail) {
    this.element.dispatchEvent(
      new CustomEvent(`support-chat-${name}`, { bubbles: true, composed: true, detail }),
    );
  }
}

// The chat itself: the panel's Rust as WASM, its style, and the texts of one language.
import css from "./widget.css";
import { initSync, Widget } from "./widget-wasm.js";
import { mask, masked } from "./wasm.js";

const locales = {
  ar: () => import("./locales/ar.js"),
  de: () => import("./locales/de.js"),
  en: () => import("./locales/en.js"),
  es: () => import("./locales/es.js"),
  fr: () => import("./locales/fr.js"),
  uk: () => import("./locales/uk.js"),
};

const sheet = new CSSStyleSheet();
sheet.replaceSync(css);

// The WASM comes inside this module, since fetching it would take more of a page's
// Content-Security-Policy than the API's address in `connect-src`.
let started;
async function startWasm() {
  const bytes = Uint8Array.from(masked, (character) => character.charCodeAt(0) ^ mask);
  initSync({ module: await WebAssembly.compile(bytes) });
}

/** Gets everything ready; what it gives starts the chat of an element. */
export async function prepare(language) {
  const code = language.split("-")[0];
  const name = code in locales ? code : "en";
  const [{ default: texts }] = await Promise.all([locales[name](), (started ??= startWasm())]);
  return (element, root, launcher) => {
    root.adoptedStyleSheets.push(sheet);
    return new Widget(new Host(element, name, texts), root, launcher);
  };
}

/** What the chat wants of the page around it. */
class Host {
  constructor(element, language, texts) {
    this.element = element;
    this.language = language;
    this.texts = texts;
    // The visitor's own way of writing times, if they speak the language: British, not American.
    this.locale = navigator.languages.find((it) => it.split("-")[0] === language) ?? language;
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

  close() {
    this.element.hide();
  }
  emit(name, detail) {
    this.element.dispatchEvent(
      new CustomEvent(`support-chat-${name}`, { bubbles: true, composed: true, detail }),
    );
  }
}

// <matrix-support-chat>: the launcher. It fetches the chat itself when a visitor is about to use
// it.
import css from "./launcher.css";

// For each language, the launcher's name, which is needed before any locale is fetched, and the
// locale. The launcher requests the locale itself, because the chat would do so a round trip later.
const LANGUAGES = {
  ar: ["تحدثوا معنا", () => import("./locales/ar.js")],
  de: ["Mit uns chatten", () => import("./locales/de.js")],
  en: ["Chat with us", () => import("./locales/en.js")],
  es: ["Chatee con nosotros", () => import("./locales/es.js")],
  fr: ["Discuter avec nous", () => import("./locales/fr.js")],
  uk: ["Написати нам", () => import("./locales/uk.js")],
};

const sheet = new CSSStyleSheet();
sheet.replaceSync(css);

const make = (parent, tag) => parent.appendChild(document.createElement(tag));

/**
 * Returns the result of `give`; or nothing if that throws, because the page or the browser has
 * broken something that it uses. If the result is a promise, its failure is ignored.
 */
const attempt = (give) => {
  try {
    const it = give();
    it?.catch?.(() => {});
    return it;
  } catch {}
};

class MatrixSupportChat extends HTMLElement {
  static observedAttributes = ["lang", "open", "enabled", "api-url"];

  #root = this.attachShadow({ mode: "open" });
  #api;
  #launcher;
  #chat;

  get apiUrl() {
    return this.getAttribute("api-url") ?? "";
  }
  set apiUrl(url) {
    this.setAttribute("api-url", url ?? "");
  }
  get enabled() {
    return this.getAttribute("enabled") == "true";
  }
  set enabled(on) {
    this.setAttribute("enabled", on);
  }
  get open() {
    // Frameworks write "false" while the browser does not know the element yet.
    return (this.getAttribute("open") ?? "false") != "false";
  }
  set open(on) {
    if (on) this.setAttribute("open", on);
    else this.removeAttribute("open");
  }
  show() {
    this.open = true;
  }
  hide() {
    this.open = false;
  }

  connectedCallback() {
    // Properties that were set before the element was defined hide the accessors of the class.
    for (const name of Object.keys(this))
      attempt(() => {
        const value = this[name];
        delete this[name];
        this[name] = value;
      });
    const api = this.isConnected && this.enabled && this.apiUrl;
    if (api != this.#api) {
      this.#api = api;
      this.#chat = this.#chat?.destroy();
      this.#root.adoptedStyleSheets = [sheet];
      this.#root.replaceChildren();
      if (api) {
        const launcher = (this.#launcher = make(make(this.#root, "div"), "button"));
        launcher.part = "launcher";
        launcher.ariaExpanded = false;
        launcher.onpointerenter = launcher.onfocus = () => attempt(this.#fetch);
        launcher.onclick = () => (this.open = !this.open);
        attempt(async () => {
          // More is loaded only in a tab with a conversation, an unsent message or a code from a
          // mail, and on a page with a greeting.
          if (this.getAttribute("greet-after") || /[-#]support-chat/.test(Object.keys(sessionStorage) + location))
            (await import("./visit.js")).visit(this, launcher, this.#load);
        });
      }
    }
    if (this.#chat) this.#chat.setOpen(this.open);
    else if (api) {
      this.#launcher.title = attempt(() => this.messages.launcher.trim()) ?? this.#language()[0];
      if (this.open) this.#load();
    }
  }

  disconnectedCallback() {
    this.connectedCallback();
  }
  attributeChangedCallback() {
    this.connectedCallback();
  }

  /** The entry of `LANGUAGES` for the page or the visitor: `de` for `de-CH`, `de_DE` and `DE`. */
  #language = () =>
    attempt(
      () =>
        LANGUAGES[
          ((this.closest("[lang]") ?? document.documentElement).lang || navigator.language)
            .toLowerCase()
            .match(/../)
        ],
    ) ?? LANGUAGES.en;

  #fetch = async () => {
    // If the locale fails as well, the failure of the chat is reported alone.
    const locale = attempt(this.#language()[1]);
    return (await import("./chat.js")).prepare(locale, this.#language);
  };

  #load = async () => {
    const launcher = this.#launcher;
    launcher.nextSibling?.remove();
    try {
      const start = await this.#fetch();
      // The element may be gone, or another click may have started the chat.
      if (launcher.isConnected) (this.#chat ??= start(this, this.#root, launcher)).setOpen(this.open);
    } catch (error) {
      const alert = make(launcher.parentNode, "b");
      alert.role = "alert";
      alert.append(
        attempt(() => this.messages.load_failed.trim()) ?? error.text ?? "The chat could not be loaded. ",
      );
      const again = make(alert, "button");
      again.append(error.again ?? "Try again");
      again.onclick = launcher.onclick;
      // The element's own content shows other ways to get in touch.
      make(alert, "slot");
      this.open = false;
      this.dispatchEvent(
        new CustomEvent("support-chat-error", {
          bubbles: true,
          composed: true,
          detail: { code: "load_failed" },
        }),
      );
    }
  };
}

// A page may load this script twice, from two places.
attempt(() => customElements.define("matrix-support-chat", MatrixSupportChat));

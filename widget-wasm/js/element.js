// <matrix-support-chat>: the launcher. The chat itself is fetched when a visitor means to chat.
import css from "./launcher.css";

// Of each language the launcher's name, which must be right before any locale is fetched, and the
// locale, which the launcher asks for, not the chat: else it would be a round trip later.
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

/** What `give` gives; nothing, where the page or the browser has broken what it needs. A promise may fail unheard. */
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
    // Frameworks write "false" before the browser knows the element.
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
    // Set before the browser knew the element, these hide the properties above.
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
          // Only a tab with a conversation, with something unsent or with a mail's code has more to do, or a page that greets.
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

  /** The visitor's of `LANGUAGES`: for `de-CH`, `de_DE` and `DE`, it is `de`. */
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
    // Should both fail, it is enough to say so once.
    const locale = attempt(this.#language()[1]);
    return (await import("./chat.js")).prepare(locale, this.#language);
  };

  #load = async () => {
    const launcher = this.#launcher;
    launcher.nextSibling?.remove();
    try {
      const start = await this.#fetch();
      // Gone, or there since another click.
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
      // The element's own content: other ways to reach us.
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

// A page may load this twice, from two places.
attempt(() => customElements.define("matrix-support-chat", MatrixSupportChat));

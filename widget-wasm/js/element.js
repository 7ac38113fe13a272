// <matrix-support-chat>: the launcher. The chat itself is fetched when a visitor means to chat.
import css from "./launcher.css";

// Of each language the launcher's name, which must be right before any locale is fetched, and the
// locale, which the launcher asks for, not the chat: else it would be a round trip later.
const LANGUAGES = {
  ar: ["تحدث معنا", () => import("./locales/ar.js")],
  de: ["Mit uns chatten", () => import("./locales/de.js")],
  en: ["Chat with us", () => import("./locales/en.js")],
  es: ["Chatear con nosotros", () => import("./locales/es.js")],
  fr: ["Discuter avec nous", () => import("./locales/fr.js")],
  uk: ["Написати нам", () => import("./locales/uk.js")],
};

const sheet = new CSSStyleSheet();
sheet.replaceSync(css);

class MatrixSupportChat extends HTMLElement {
  static observedAttributes = ["open", "enabled", "api-url"];

  #root = this.attachShadow({ mode: "open" });
  #api;
  #launcher;
  #alert;
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
    return (this.getAttribute("open") ?? "false") !== "false";
  }
  set open(on) {
    if (on) this.setAttribute("open", "");
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
    for (const [name, value] of Object.entries(this)) {
      delete this[name];
      this[name] = value;
    }
    this.#update();
  }
  disconnectedCallback() {
    this.#update();
  }
  attributeChangedCallback() {
    this.#update();
  }

  #update() {
    const api = this.isConnected && this.enabled && this.apiUrl;
    if (api != this.#api) {
      this.#api = api;
      this.#chat = this.#chat?.destroy();
      this.#root.adoptedStyleSheets = [sheet];
      this.#root.replaceChildren();
      if (api) this.#build();
    }
    if (this.#chat) this.#chat.setOpen(this.open);
    else if (api && this.open) this.#load();
  }

  #build() {
    const launcher = (this.#launcher = document.createElement("button"));
    launcher.part = "launcher";
    launcher.setAttribute("aria-label", this.messages?.launcher ?? this.#language()[0]);
    launcher.setAttribute("aria-expanded", false);
    launcher.onpointerenter = launcher.onfocus = () => this.#fetch().catch(() => {});
    launcher.onclick = () => (this.open = !this.open);
    this.#root.append(launcher, (this.#alert = document.createElement("p")));
    this.#alert.setAttribute("role", "alert");
    // What a page of this tab could not send, the next one does.
    try {
      if ("matrix-support-chat-draft" in sessionStorage) this.#load();
    } catch {}
  }

  /** The visitor's of `LANGUAGES`: for `de-CH`, `de_DE` and `DE`, it is `de`. */
  #language = () =>
    LANGUAGES[
      ((this.closest("[lang]") ?? document.documentElement).lang || navigator.language)
        .toLowerCase()
        .match(/[a-z]*/)
    ] ?? LANGUAGES.en;

  async #fetch() {
    const locale = this.#language()[1]();
    // Should both fail, it is enough to say so once.
    locale.catch(() => {});
    return (await import("./chat.js")).prepare(locale, this.#language);
  }

  async #load() {
    const launcher = this.#launcher;
    this.#alert.replaceChildren();
    try {
      const start = await this.#fetch();
      // Gone, or there since another click.
      if (launcher.isConnected) (this.#chat ??= start(this, this.#root, launcher)).setOpen(this.open);
    } catch (error) {
      this.#alert.replaceChildren(
        this.messages?.load_failed ?? error.text ?? "The chat could not be loaded. Try again. ",
        // The element's own content: other ways to reach us.
        document.createElement("slot"),
      );
      this.hide();
      this.dispatchEvent(
        new CustomEvent("support-chat-error", {
          bubbles: true,
          composed: true,
          detail: { code: "load_failed" },
        }),
      );
    }
  }
}

// A page may load this twice, from two places.
if (!customElements.get("matrix-support-chat")) customElements.define("matrix-support-chat", MatrixSupportChat);

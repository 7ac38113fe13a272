// <matrix-support-chat>: the launcher. It fetches the chat itself when a visitor is about to use
// it.
import css from "./launcher.css";

/** The launcher's name in each language, which must be right before any locale is fetched. */
const NAMES = {
  ar: "تحدثوا معنا",
  de: "Mit uns chatten",
  en: "Chat with us",
  es: "Chatee con nosotros",
  fr: "Discuter avec nous",
  uk: "Написати нам",
};

/** A part of the chat: the bundler writes them all to the same place (`build/chunks.js`). */
const part = (name) => import(`CHUNKS/${name}-CHUNKHASH.js`);

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

// Of all orders that its members might have, this one takes 30 bytes less than one that reads better (decision 13).
class MatrixSupportChat extends HTMLElement {
  hide() {
    this.open = false;
  }

  #launcher;

  set apiUrl(url) {
    this.setAttribute("api-url", url ?? "");
  }

  get apiUrl() {
    return this.getAttribute("api-url") ?? "";
  }

  get open() {
    // Frameworks write "false" while the browser does not know the element yet.
    return (this.getAttribute("open") ?? "false") != "false";
  }

  get enabled() {
    return this.getAttribute("enabled") == "true";
  }

  #root = this.attachShadow({ mode: "open" });

  set enabled(on) {
    this.setAttribute("enabled", on);
  }

  show() {
    this.open = true;
  }

  /** The visitor's of `NAMES`: for `de-CH`, `de_DE` and `DE`, it is `de`; for `deu` it is none. A match stands for its text. */
  #language = () => {
    const code = attempt(() =>
      ((this.closest("[lang]") ?? document.documentElement).lang || navigator.language).toLowerCase().match(/..[a-z]?/),
    );
    return NAMES[code] ? code : "en";
  };

  static observedAttributes = ["lang", "open", "enabled", "api-url"];

  #fetch = async () => {
    // The locale, too, which would be a round trip later otherwise. Should both fail, it is enough to say so once.
    const locale = attempt(() => part(this.#language()));
    return (await part("chat")).prepare(locale, this.#language, part);
  };

  #chat;

  disconnectedCallback() {
    this.connectedCallback();
  }

  #load = async () => {
    const launcher = this.#launcher;
    try {
      const start = await this.#fetch();
      // Gone, or there since another click.
      if (launcher.isConnected) (this.#chat ??= start(this, this.#root, launcher)).setOpen(this.open);
    } catch (error) {
      launcher.nextSibling?.remove();
      const alert = make(launcher.parentNode, "b");
      alert.role = "alert";
      alert.append(
        attempt(() => this.messages.load_failed.trim()) ?? error.text ?? "The chat could not be loaded. ",
      );
      const again = make(alert, "button");
      again.append(error.again ?? "Try again");
      again.onclick = launcher.onclick;
      // The element's own content: other ways to reach us. Without any, it is the server's own page.
      const link = make(make(alert, "slot"), "a");
      link.append(launcher.title);
      link.href = this.apiUrl.replace(/\/?$/, "/support");
      link.target = "_blank";
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

  connectedCallback() {
    // Set before the browser knew the element, these hide the properties above.
    Object.keys(this).map((name) =>
      attempt(() => {
        const value = this[name];
        delete this[name];
        this[name] = value;
      }),
    );
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
        // Another click while the chat is on its way wants nothing else.
        launcher.onclick = () => (this.open = !this.open || !this.#chat);
        attempt(async () => {
          // More to do has a tab with a conversation, with something unsent or with a mail's code, and a page that greets or
          // that such a code may come to.
          if (this.matches("[greet-after],[resume]") || /[-#]support-chat/.test(Object.keys(sessionStorage) + location))
            (await part("visit")).visit(this, launcher, this.#load);
        });
      }
    }
    if (this.#chat) this.#chat.setOpen(this.open);
    else if (api) {
      this.#launcher.title = attempt(() => this.messages.launcher.trim()) ?? NAMES[this.#language()];
      if (this.open) this.#load();
    }
  }

  set open(on) {
    if (on) this.setAttribute("open", on);
    else this.removeAttribute("open");
  }

  attributeChangedCallback() {
    this.connectedCallback();
  }

  #api;
}

// A page may load this script twice, from two places.
attempt(() => customElements.define("matrix-support-chat", MatrixSupportChat));

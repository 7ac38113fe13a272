// <matrix-support-chat>: the launcher. The chat itself is fetched when a visitor means to chat.
import css from "./launcher.css";

// The launcher's name where it is not English: it must be right before any locale is fetched.
const LABELS = {
  ar: "تحدث معنا",
  de: "Mit uns chatten",
  es: "Chatear con nosotros",
  fr: "Discuter avec nous",
  uk: "Написати нам",
};

/** Makes the element known to the browser, once. */
export function defineMatrixSupportChat() {
  const name = "matrix-support-chat";
  if (customElements.get(name)) return;

  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);

  class MatrixSupportChat extends HTMLElement {
    static observedAttributes = ["api-url", "enabled", "open"];

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
      return this.getAttribute("enabled") === "true";
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
      for (const name of ["apiUrl", "enabled", "open"]) {
        if (Object.hasOwn(this, name)) {
          const value = this[name];
          delete this[name];
          this[name] = value;
        }
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
      if (api !== this.#api) {
        this.#api = api;
        this.#build(api);
      }
      if (this.#chat) this.#chat.setOpen(this.open);
      else if (api && this.open) this.#load();
    }

    /** Builds the launcher anew; without an API, there is none. */
    #build(api) {
      this.#chat?.destroy();
      this.#chat = undefined;
      this.#root.adoptedStyleSheets = [sheet];
      this.#root.replaceChildren();
      if (!api) return;

      const launcher = (this.#launcher = document.createElement("button"));
      launcher.part = "launcher";
      launcher.setAttribute(
        "aria-label",
        this.messages?.launcher ?? LABELS[this.#language().split("-")[0]] ?? "Chat with us",
      );
      launcher.setAttribute("aria-expanded", false);
      launcher.onpointerenter = launcher.onfocus = () => this.#fetch().catch(() => {});
      launcher.onclick = () => (this.open = !this.open);
      this.#alert = document.createElement("p");
      this.#alert.setAttribute("role", "alert");
      this.#root.append(launcher, this.#alert);
    }

    #language = () =>
      (this.closest("[lang]") ?? document.documentElement).lang || navigator.language;

    async #fetch() {
      return (await import("./chat.js")).prepare(this.#language);
    }

    async #load() {
      const launcher = this.#launcher;
      this.#alert.replaceChildren();
      try {
        const start = await this.#fetch();
        // Gone, or there since another click.
        if (!launcher.isConnected || this.#chat) return;
        this.#chat = start(this, this.#root, launcher);
        this.#chat.setOpen(this.open);
      } catch (error) {
        this.#alert.replaceChildren(
          this.messages?.load_failed ??
            error.text ??
            "The chat could not be loaded. Try again, or reach us another way. ",
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

  customElements.define(name, MatrixSupportChat);
}

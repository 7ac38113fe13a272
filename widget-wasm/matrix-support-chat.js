// The launcher. The chat is WASM, fetched when a visitor means to chat.
const sheet = new CSSStyleSheet();
sheet.replaceSync(`
:host {
  all: initial;
  position: fixed;
  z-index: var(--msc-z-index, 1000);
  inset: auto env(safe-area-inset-right) env(safe-area-inset-bottom) auto;
  margin: var(--msc-offset, 20px);
  font: 15px/1.5 var(--msc-font, system-ui, sans-serif);
  color-scheme: light dark;
}
button[part] {
  all: unset;
  display: grid;
  place-items: center;
  width: 56px;
  height: 56px;
  border-radius: 50%;
  background: var(--msc-accent, #2f4fe0);
  color: var(--msc-on-accent, #fff);
  box-shadow: 0 6px 24px #0004;
  cursor: pointer;
  forced-color-adjust: none;
}
button[part]:focus-visible {
  outline: 3px solid var(--msc-accent, #2f4fe0);
  outline-offset: 3px;
}
button[part]::before {
  content: "";
  width: 24px;
  height: 24px;
  background: currentColor;
  clip-path: path("M5 2h14a4 4 0 0 1 4 4v8a4 4 0 0 1-4 4h-7l-5 5v-5H5a4 4 0 0 1-4-4V6a4 4 0 0 1 4-4z");
}
:host > p {
  position: absolute;
  inset: auto 0 56px auto;
  width: 240px;
  padding: 16px;
  border: 1px solid;
  background: Canvas;
  color: CanvasText;
}`);

let wasm;
const load = () =>
  (wasm ??= import("./widget-wasm.js")
    .then(async (module) => {
      await module.default();
      return module;
    })
    .catch((error) => {
      wasm = undefined; // A click tries again.
      throw error;
    }));

class MatrixSupportChat extends HTMLElement {
  static observedAttributes = ["api-url", "enabled"];

  #root = this.attachShadow({ mode: "open" });
  #api = "";
  #widget;

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

  connectedCallback() {
    this.#update();
  }
  disconnectedCallback() {
    this.#update();
  }
  attributeChangedCallback() {
    this.#update();
  }

  #update() {
    const api = this.isConnected && this.enabled ? this.apiUrl : "";
    if (api === this.#api) return;
    this.#api = api;
    this.#widget?.destroy();
    this.#widget = undefined;
    this.#root.adoptedStyleSheets = [sheet];
    this.#root.replaceChildren();
    if (!api) return;

    const launcher = document.createElement("button");
    launcher.setAttribute("part", "launcher");
    launcher.setAttribute("aria-label", "Chat with us");
    launcher.setAttribute("aria-expanded", false);
    launcher.onpointerenter = launcher.onfocus = () => load().catch(() => {});
    launcher.onclick = () => this.#toggle(launcher);
    this.#root.append(launcher);
  }

  async #toggle(launcher) {
    if (this.#widget) return this.#widget.toggle();
    this.#root.querySelector("p")?.remove();
    try {
      const { Widget } = await load();
      // Gone, or open by another click.
      if (!launcher.isConnected || this.#widget) return;
      this.#widget = new Widget(this.#root, launcher, this.#api);
      this.#widget.toggle();
    } catch {
      const alert = document.createElement("p");
      alert.setAttribute("role", "alert");
      alert.append(
        "The chat could not be loaded. Please try again, or reach us another way. ",
        document.createElement("slot"),
      );
      this.#root.append(alert);
    }
  }
}

customElements.get("matrix-support-chat") ??
  customElements.define("matrix-support-chat", MatrixSupportChat);

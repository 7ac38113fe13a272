// A minimal launcher, without everything that a chat can do without.
class MinimalChat extends HTMLElement {
  connectedCallback() {
    const root = this.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(LAUNCHER_CSS);
    root.adoptedStyleSheets = [sheet];
    const launcher = document.createElement("button");
    launcher.part = "launcher";
    launcher.setAttribute("aria-label", "Chat with us");
    launcher.setAttribute("aria-expanded", "false");
    launcher.onclick = async () => (await import("./panel.js")).open(root, launcher);
    root.append(launcher);
  }
}
customElements.define("matrix-support-chat", MinimalChat);

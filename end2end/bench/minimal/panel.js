// The panel as one piece of HTML that looks like the chat's and has no function.
export function open(root, launcher) {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(WIDGET_CSS);
  root.adoptedStyleSheets.push(sheet);
  const panel = document.createElement("div");
  panel.className = "panel";
  panel.setAttribute("role", "dialog");
  panel.setAttribute("aria-label", "Support chat");
  panel.innerHTML = `
    <div class="header">
      <div class="names"><strong>Support chat</strong><span>We usually reply within minutes</span></div>
      <button class="close" aria-label="Close"></button>
    </div>
    <div class="hello"><strong>How can we help?</strong><p>Write to us, and we answer here.</p></div>
    <div class="log" role="log" tabindex="0"></div>
    <form class="composer">
      <textarea rows="1" aria-label="Message" placeholder="Write a message"></textarea>
      <button class="send" aria-label="Send"></button>
    </form>`;
  root.append(panel);
  launcher.setAttribute("aria-expanded", "true");
  panel.querySelector("textarea").focus();
}

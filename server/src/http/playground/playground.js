import { mockSupportChat } from "/playground/mock.js";

const STATUS = { rate_limited: 429, relay_unavailable: 503, session_closed: 410, session_expired: 410 };
const EVENTS = ["opened", "closed", "session-started", "message-sent", "message-received", "error"];

const form = document.querySelector("form");
const log = document.querySelector("output");
const start = () => mockSupportChat({ apiUrl: location.origin, reply: (body) => `You wrote: ${body}` });
let mock = start();

/** Puts a new element on the page, as if the tab were new. */
function restart() {
  document.querySelector("matrix-support-chat")?.remove();
  sessionStorage.clear();
  mock.restore();
  mock = form.elements.live.checked ? { restore() {}, reply() {}, fail() {}, mend() {} } : start();
  const element = document.createElement("matrix-support-chat");
  element.setAttribute("api-url", location.origin);
  element.setAttribute("enabled", "true");
  const link = document.createElement("a");
  link.href = "/support";
  link.textContent = "Write to us";
  element.append(link);
  document.body.append(element);
  apply();
}

function apply() {
  const element = document.querySelector("matrix-support-chat");
  for (const { name, value, type } of form.elements) {
    if (name.startsWith("--")) element.style.setProperty(name, type === "range" ? `${value}px` : value);
    else if (name !== "live") element.setAttribute(name, value);
  }
}

form.addEventListener("input", ({ target }) => (target.name === "live" ? restart() : apply()));
document.querySelector("p").addEventListener("click", ({ target: { name } }) => {
  if (name === "restart") restart();
  else if (name === "reply") mock.reply("Hello! How can we help?");
  else if (name === "mend") mock.mend();
  else if (name) mock.fail(STATUS[name] ? { status: STATUS[name], code: name } : name);
});
for (const name of EVENTS) {
  document.addEventListener(`support-chat-${name}`, ({ type, detail }) => {
    log.append(`${type} ${JSON.stringify(detail)}\n`);
  });
}
restart();
await import("/widget/matrix-support-chat.js");

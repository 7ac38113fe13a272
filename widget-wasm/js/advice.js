// What is to be said and done where something on the page cannot work.

/** Tells whoever looks at the console, once, what of the element's properties and attributes cannot work. */
export function advise(element) {
  const position = element.getAttribute("position");
  if (position && !/^(left|right)$/.test(position)) warn(`position="${position}" is not "left"`);
  const url = element.getAttribute("api-url");
  if (!/^(https?:\/\/[^/?#\s]|\/)[^?#\s]*$/i.test(url)) {
    warn(`api-url="${url}" is no address as https://chat.example.org or, on the page's own server, /`);
  }
  const identity = attempt(() => element.identity) ?? element.getAttribute("identity");
  if (typeof identity === "string" && !/^[!-~]{0,8192}$/.test(identity)) {
    warn("identity is no JWT of at most 8,192 characters, and is not sent");
  }
  // The package's properties say the rest when they are set.
  if ("messages" in Object.getPrototypeOf(element)) return;
  check(element, "messages", ["object"]);
  if (element.hasAttribute("messages")) warn("messages is a property, and there is no such attribute");
  for (const name of ["visitorName", "visitorEmail"]) check(element, name, ["string", "number"]);
}

function check(element, name, types) {
  const value = attempt(() => element[name]);
  if (value === undefined || value === null || types.includes(typeof value)) return;
  warn(`${name} has to be of type ${types.join(" or ")}, and is of type ${typeof value}`);
}

/** The page may have defined a property whose getter throws. */
function attempt(give) {
  try {
    return give();
  } catch {
    return undefined;
  }
}

const said = new Set();

function warn(text) {
  if (said.has(text)) return;
  said.add(text);
  console.warn(`<matrix-support-chat>: ${text}`);
}

/**
 * Takes away a chat that has died: leaves the launcher, the other ways to reach us, and what was typed. A click begins
 * again. Gives the words that are shown.
 */
export function bury(host, root) {
  const composer = root.querySelector("textarea");
  // Where the browser forbids storage, the composer has it.
  const { draft = composer.value, outgoing = [] } = host.load("-draft") ?? {};
  const typed = outgoing.filter((it) => !it.inDraft).map((it) => it.body);
  const text = document.createElement("textarea");
  text.readOnly = true;
  text.value = [...typed, draft].join("\n");
  const words = document.createElement("span");
  words.append(host.text("load_failed"), text);
  const { element } = host;
  // Everything is taken away, and the launcher comes again.
  element.enabled = false;
  element.removeAttribute("open");
  element.enabled = true;
  const alert = document.createElement("b");
  alert.setAttribute("role", "alert");
  const slot = document.createElement("slot");
  const link = document.createElement("a");
  link.append(host.text("launcher"));
  link.href = `${host.apiUrl}/support`;
  link.target = "_blank";
  slot.append(link);
  alert.append(words, slot);
  root.firstChild.append(alert);
  host.emit("error", { code: "load_failed" });
  return words;
}

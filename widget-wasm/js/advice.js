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

/** A page may have made a property that throws. */
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

// Adds the properties of <matrix-support-chat> that frameworks look for to its class, as accessors.
// A framework writes unknown properties as attributes, and an object then becomes "[object
// Object]". The launcher is too small to define them itself.

const TAG = "matrix-support-chat";

/** Properties that are attributes with a text. */
const TEXTS = ["visitorName", "visitorEmail", "position", "identity", "consent"];
/** Properties that are attributes which are there or not. */
const FLAGS = ["watchReplies", "resume"];
/** Properties that hold objects, which no attribute can. */
const OBJECTS = ["messages", "suggestions"];

/** The objects of each element. */
const kept = new WeakMap();
const said = new Set();

/** Warns once in the console. */
function warn(text) {
  if (said.has(text)) return;
  said.add(text);
  console.warn(`<${TAG}>: ${text}`);
}

function define(prototype, name, accessors) {
  // Properties that a newer launcher defines itself take precedence.
  if (name in prototype) return;
  Object.defineProperty(prototype, name, { configurable: true, enumerable: true, ...accessors });
}

const attributeOf = (name) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

let isDone = false;

/** Adds the accessors to the element's class, and warns about settings that cannot work. */
export function addProperties() {
  if (isDone) return;
  isDone = true;
  const { prototype } = customElements.get(TAG);
  for (const name of TEXTS) {
    const attribute = attributeOf(name);
    define(prototype, name, {
      get() {
        return this.getAttribute(attribute) ?? undefined;
      },
      set(value) {
        if (value === undefined || value === null) return this.removeAttribute(attribute);
        if (typeof value !== "string" && typeof value !== "number") {
          warn(`${name} has to be a string, and is of type ${typeof value}`);
          return this.removeAttribute(attribute);
        }
        this.setAttribute(attribute, value);
      },
    });
  }
  for (const name of FLAGS) {
    const attribute = attributeOf(name);
    define(prototype, name, {
      get() {
        return (this.getAttribute(attribute) ?? "false") !== "false";
      },
      set(on) {
        this.toggleAttribute(attribute, Boolean(on));
      },
    });
  }
  define(prototype, "greetAfter", {
    get() {
      const seconds = parseFloat(this.getAttribute("greet-after"));
      return Number.isNaN(seconds) ? undefined : seconds;
    },
    set(seconds) {
      if (seconds === undefined || seconds === null) this.removeAttribute("greet-after");
      else this.setAttribute("greet-after", seconds);
    },
  });
  for (const name of OBJECTS) {
    define(prototype, name, {
      get() {
        return kept.get(this)?.[name];
      },
      set(value) {
        const isUsable = value === undefined || value === null || typeof value === "object";
        if (!isUsable) warn(`${name} has to be an object, and is of type ${typeof value}`);
        kept.set(this, { ...kept.get(this), [name]: isUsable ? (value ?? undefined) : undefined });
        if (name === "messages") rename(this);
      },
    });
  }
  // The launcher's script loads the greeting only if the attribute is there when it creates the
  // launcher.
  define(prototype, "greet", { writable: true, value: greet });
  for (const element of document.querySelectorAll(TAG)) {
    adopt(element);
    check(element);
  }
  // A running chat follows its language itself. Before that, the launcher has to be told.
  new MutationObserver(() => document.querySelectorAll(TAG).forEach(rename)).observe(document, {
    attributeFilter: ["lang"],
    subtree: true,
  });
}

/** Shows a greeting. If the launcher has not loaded the greeting, it is created again. */
function greet(text) {
  this.greeting = text ?? " ";
  if (!this.hasAttribute("greet-after")) this.setAttribute("greet-after", "call");
  remake(this);
}

/** Creates the launcher again with the current attributes, unless the chat is running. */
function remake(element) {
  const { enabled, shadowRoot } = element;
  if (!enabled || shadowRoot.querySelector("[role=dialog]")) return;
  const hadFocus = shadowRoot.activeElement !== null;
  element.enabled = false;
  element.enabled = true;
  if (hadFocus) shadowRoot.querySelector("button")?.focus();
}

/** Updates the texts of the launcher, or of the chat once it is running. */
function rename(element) {
  element.connectedCallback();
  element.shadowRoot.dispatchEvent(new Event("translate"));
}

/** Sets the properties again that were set before the class had these accessors. */
function adopt(element) {
  for (const name of Object.keys(element)) {
    if (![...TEXTS, ...FLAGS, ...OBJECTS, "greetAfter"].includes(name)) continue;
    const value = element[name];
    delete element[name];
    element[name] = value;
  }
}

/**
 * A framework that rendered before the definition has written attributes, some of which are
 * meaningless.
 */
function check(element) {
  const enabled = element.getAttribute("enabled");
  if (enabled !== null && enabled !== "true" && enabled !== "false") {
    warn(`enabled="${enabled}" shows no chat: it has to be "true"`);
  }
  if (enabled === "true" && !element.getAttribute("api-url")) warn("there is no chat without api-url");
  // Svelte's server writes the attribute, and its client sets the property.
  if (element.hasAttribute("messages") && !element.messages) {
    warn("messages is a property, and there is no such attribute: define the element before it is rendered");
  }
}

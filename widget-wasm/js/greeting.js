// A bubble beside the launcher that appears after some seconds, or when the page asks for it. It
// sends nothing, and the tab stores nothing until the visitor has opened the chat or dismissed the
// bubble.
import css from "./greeting.css";

const sheet = new CSSStyleSheet();
sheet.replaceSync(css);

/**
 * The key under which the tab stores that the visitor has dismissed the bubble or opened the chat.
 */
const KEY = "matrix-support-chat-greeting";
/** Elements that the bubble must not cover. */
const ACTIONS = "a,button,input,select,textarea,summary,video,iframe,[role=button],[role=link]";
/**
 * The positions along each side of the bubble at which the page beneath is checked, as fractions.
 */
const POINTS = [0.02, 0.25, 0.5, 0.75, 0.98];

let isDone = false;

function isDismissed() {
  try {
    return isDone || KEY in sessionStorage;
  } catch {
    return isDone;
  }
}

/** A visitor who has answered or dismissed a greeting gets no other. */
function dismiss() {
  isDone = true;
  try {
    sessionStorage[KEY] = "{}";
  } catch {
    // Without storage, this lasts as long as the page.
  }
}

/**
 * Shows the greeting as the attribute `greet-after` says, and gives the element its `greet` method.
 */
export function begin(element, launcher) {
  element.greet = (text) => greet(element, launcher, text);
  // The package's `greet` was called before this script was loaded.
  if (element.greeting) element.greet(element.greeting);
  const seconds = parseFloat(element.getAttribute("greet-after"));
  if (seconds >= 0) setTimeout(() => greet(element, launcher), seconds * 1_000);
}

/** Shows a text, by default that of the page's language. */
async function greet(element, launcher, text) {
  const root = launcher.getRootNode();
  // A visitor who has opened the panel needs no greeting.
  const isWanted = () => launcher.isConnected && !isDismissed() && !root.querySelector("[role=dialog]");
  if (!isWanted()) return;
  const { lang } = element.closest("[lang]") ?? document.documentElement;
  // As the launcher does: a code of three letters is none of two.
  const [language] = `${lang || navigator.language}`.toLowerCase().match(/..[a-z]?/) ?? [];
  const later = await import("./later.js").catch(() => {});
  const texts = (await later?.textsIn(language)) ?? {};
  const own = (key) => {
    try {
      const it = element.messages?.[key];
      return typeof it === "string" && it.trim() ? it : texts[key];
    } catch {
      return texts[key];
    }
  };
  const words = typeof text === "string" && text.trim() ? text : own("greeting");
  if (!isWanted() || !words) return;
  root.querySelector(".greeting")?.remove();
  show(element, launcher, words, own("dismiss"));
}

function show(element, launcher, words, dismissText) {
  const root = launcher.getRootNode();
  if (!root.adoptedStyleSheets.includes(sheet)) root.adoptedStyleSheets.push(sheet);
  const bubble = document.createElement("div");
  bubble.className = "greeting";
  bubble.part = "greeting";
  bubble.setAttribute("role", "status");
  // The bubble comes before the launcher, because `#load` removes the node after it.
  launcher.before(bubble);
  const make = (className, put) => {
    const button = document.createElement("button");
    button.className = className;
    button.type = "button";
    put(button);
    return button;
  };
  const stop = new AbortController();
  const close = () => {
    stop.abort();
    observer.disconnect();
    bubble.remove();
  };
  const answer = () => {
    dismiss();
    close();
  };
  const text = make("words", (it) => {
    it.append(words);
    it.dir = "auto";
    it.onclick = () => {
      answer();
      element.open = true;
    };
  });
  const cross = make("dismiss", (it) => {
    it.title = dismissText;
    it.setAttribute("aria-label", dismissText);
    it.onclick = () => {
      answer();
      launcher.focus();
    };
  });
  // Screen readers announce what is added to a status region, so the region has to exist first.
  requestAnimationFrame(() => bubble.append(text, cross));
  bubble.onkeydown = (event) => {
    if (event.key === "Escape") cross.click();
  };
  const observer = new MutationObserver(() => {
    if (launcher.getAttribute("aria-expanded") === "true") answer();
  });
  observer.observe(launcher, { attributeFilter: ["aria-expanded"] });
  // When the page scrolls, the bubble hides while it would cover something that can be clicked.
  const makeWay = () => {
    if (!bubble.isConnected) return close();
    requestAnimationFrame(() => bubble.classList.toggle("away", covers(element, bubble)));
  };
  const options = { passive: true, capture: true, signal: stop.signal };
  for (const name of ["scroll", "resize"]) addEventListener(name, makeWay, options);
  requestAnimationFrame(makeWay);
}

/** Whether something that can be clicked is beneath the bubble. */
function covers(element, bubble) {
  const { left, top, width, height } = bubble.getBoundingClientRect();
  return POINTS.some((x) =>
    POINTS.some((y) =>
      document
        .elementsFromPoint(left + x * width, top + y * height)
        .some((it) => it !== element && it.closest(ACTIONS)),
    ),
  );
}

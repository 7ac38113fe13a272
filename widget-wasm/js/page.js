// Where the visitor is: staff are told when that changes, within an app of many pages too.

/** A page's own scripts tell nobody when they change the address, so it is looked at. */
const LOOK_MS = 2_000;
/** Between two requests. */
const TELL_MS = 10_000;
const TIMEOUT_MS = 20_000;
/** The contract's `sourceUrl` and `pageTitle`. */
const MAX_URL_CHARS = 2_048;
const MAX_TITLE_CHARS = 500;

/** Of each conversation, the address that staff know of, and when they were last told. */
const known = new Map();

/** The page's address, without query and fragment, since those may hold what is not for others. */
const address = () => location.origin + location.pathname;

/** Staff know where the conversation began: at this address, or here. */
export function know(sessionId, from = address()) {
  known.set(sessionId, { url: from, at: 0 });
}

/** The title, without the number of unread messages that the chat puts in front, as one line. */
function title() {
  const line = document.title.replace(/^\(\p{N}+\) /u, "").replace(/[\p{Cc}\u2028\u2029]/gu, "");
  return [...line].slice(0, MAX_TITLE_CHARS).join("") || undefined;
}

/** Tells staff, from now on. `session` gives the conversation; nothing, where there is none; `null`, when this is over. */
export function follow(api, session) {
  let last;
  const look = () => {
    const it = session();
    if (it === null && isOver()) return;
    const url = address();
    // Of several tabs, the one that is seen. A page that has come but now may still get its title.
    const hasStayed = url === last;
    last = url;
    const told = known.get(it?.sessionId) ?? { at: 0 };
    const isDue = hasStayed && url !== told.url && Date.now() - told.at >= TELL_MS;
    const isSayable = url.startsWith("http") && url.length <= MAX_URL_CHARS;
    if (it && isDue && isSayable && document.visibilityState === "visible") tell(api, it, url);
  };
  const timer = setInterval(look, LOOK_MS);
  const isOver = () => (clearInterval(timer), true);
  look();
}

async function tell(api, { sessionId, token }, sourceUrl) {
  const told = { url: sourceUrl, at: Date.now() };
  known.set(sessionId, told);
  let status = 0;
  try {
    const response = await fetch(`${api}/v1/support-chat/sessions/${encodeURIComponent(sessionId)}/page`, {
      method: "PUT",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ sourceUrl, pageTitle: title() }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    status = response.status;
  } catch {
    // Below.
  }
  // What was refused is not said again; what did not arrive is.
  if (status === 0 || status === 429 || status >= 500) told.url = undefined;
}

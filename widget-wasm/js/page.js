// Tells staff when the visitor moves to another page, also within a single-page application.

/** How often the address is checked. There is no event for changes by the page's own scripts. */
const LOOK_MS = 2_000;
/** The minimum time between two requests. */
const TELL_MS = 10_000;
const TIMEOUT_MS = 20_000;
/** The limits of the contract's `sourceUrl` and `pageTitle`. */
const MAX_URL_CHARS = 2_048;
const MAX_TITLE_CHARS = 500;

/** For each conversation, the address that staff were told, and when. */
const known = new Map();

/** The page's address, without its query and fragment, which may be confidential. */
const address = () => location.origin + location.pathname;

/** Records the page on which the conversation began, which staff know already. */
export function know(sessionId, from = address()) {
  known.set(sessionId, { url: from, at: 0 });
}

/**
 * The title as one line, without the number of unread messages that the chat puts in front of it.
 */
function title() {
  const line = document.title.replace(/^\(\p{N}+\) /u, "").replace(/[\p{Cc}\u2028\u2029]/gu, "");
  return [...line].slice(0, MAX_TITLE_CHARS).join("") || undefined;
}

/**
 * Follows the visitor from now on. `session` returns the conversation, `undefined` while there is
 * none, and `null` when it is time to stop.
 */
export function follow(api, session) {
  let last;
  const look = () => {
    const it = session();
    if (it === null && isOver()) return;
    const url = address();
    // Only the visible tab tells staff. It waits for the second look, because a new page may get
    // its title late.
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
    // The status remains 0, which is handled below.
  }
  // A request that failed on the way is repeated; one that the server refused is not.
  if (status === 0 || status === 429 || status >= 500) told.url = undefined;
}

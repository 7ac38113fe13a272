/** How often a page with `watch-replies` looks for replies. */
const WATCH_MS = 60_000;

/**
 * A function for each element that is being followed. It returns whether the visit is over, and
 * then ends it.
 */
const visits = new Set();

/**
 * Handles a page view of a visitor with a conversation: sends what could not be sent earlier, and
 * shows the replies that have arrived meanwhile. Only this script is loaded until there is one of
 * these.
 */
export function visit(element, launcher, load) {
  const address = (url) => {
    try {
      return new URL(url, document.baseURI).href.replace(/\/+$/, "");
    } catch {
      return url;
    }
  };
  const api = address(element.apiUrl);
  /** What the tab stores for this API (see `store.js`). */
  const kept = (name) => {
    for (const key of [name, `${name} ${api}`]) {
      try {
        const it = JSON.parse(sessionStorage[`matrix-support-chat${key}`]);
        if (it.api === api) return it;
      } catch {
        // Nothing is stored here, or another script has written it.
      }
    }
    return undefined;
  };
  // The code from the mail is removed from the address at once. The panel that is opened here uses
  // the stored copy.
  const code = element.hasAttribute("resume") && location.hash.match(/^#support-chat=(.+)/)?.[1];
  if (code) {
    history.replaceState(history.state, "", location.pathname + location.search);
    sessionStorage["matrix-support-chat-resume"] = JSON.stringify({ api, code });
  }
  if (kept("-resume")) return void (element.open = true);
  if (kept("-draft")) return void load();
  if (kept("")) {
    const session = () => (launcher.isConnected ? kept("") : null);
    import("./page.js").then((it) => it.follow(api, session)).catch(() => {});
  } else if (element.hasAttribute("greet-after")) {
    import("./greeting.js").then((it) => it.begin(element, launcher)).catch(() => {});
  }

  const stopped = new AbortController();
  const { signal } = stopped;
  /** Whether the visit is over: the element is gone, or the chat is loaded and polls itself. */
  const isOver = () => {
    if (launcher.isConnected && !launcher.hasAttribute("aria-describedby")) return false;
    stopped.abort();
    clearInterval(watch);
    visits.delete(isOver);
    return true;
  };
  let isLooking = false;
  const look = async () => {
    const session = kept("");
    if (isOver() || !session || isLooking || document.visibilityState !== "visible") return;
    isLooking = true;
    try {
      const read = kept("-read")?.id;
      const after = read === undefined ? "" : `?after=${encodeURIComponent(read)}`;
      const id = encodeURIComponent(session.sessionId);
      const answer = await fetch(`${api}/v1/support-chat/sessions/${id}/messages${after}`, {
        headers: { authorization: `Bearer ${session.token}` },
        signal,
      });
      const { messages } = await answer.json();
      const isNews = messages.some((it) => it.sender === "staff");
      if (answer.ok && isNews && !isOver()) load();
    } catch {
      // The next look tries again.
    }
    isLooking = false;
  };
  for (const [target, name] of [
    [window, "online"],
    [window, "pageshow"],
    [document, "visibilitychange"],
  ]) {
    target.addEventListener(name, look, { signal });
  }
  const watch = setInterval(() => {
    if (!isOver() && element.hasAttribute("watch-replies")) look();
  }, WATCH_MS);
  // When the page has removed elements, their listeners stay at most until the next visit begins.
  for (const isOver of visits) isOver();
  visits.add(isOver);
  look();
}

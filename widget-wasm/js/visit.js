/** How often a page with `watch-replies` looks for replies. */
const WATCH_MS = 60_000;

/**
 * A function for each element that is being followed. It returns whether the visit is over, and
 * then ends it.
 */
const visits = new Set();

/**
 * Takes the code of a mail out of the address at once, now and whenever one comes without a reload. The panel, which it
 * opens, asks with it.
 */
function takeCodes(element, launcher, api, kept) {
  const stopped = new AbortController();
  const isOver = () => {
    if (launcher.isConnected) return false;
    stopped.abort();
    visits.delete(isOver);
    return true;
  };
  const take = () => {
    const code = location.hash.match(/^#support-chat=(.+)/)?.[1];
    if (isOver() || !code || !element.hasAttribute("resume")) return;
    // Where the browser forbids storage, the address keeps it. One that is being asked with has a key already.
    if (kept("-resume")?.code !== code) sessionStorage["matrix-support-chat-resume"] = JSON.stringify({ api, code });
    history.replaceState(history.state, "", location.pathname + location.search);
    element.open = true;
    // A panel that was open already looks again at what the tab keeps.
    element.shadowRoot.dispatchEvent(new Event("resume"));
  };
  addEventListener("hashchange", take, { signal: stopped.signal });
  for (const isOver of visits) isOver();
  visits.add(isOver);
  take();
}

/**
 * Somebody with a conversation is on a page of the site: what could not be sent goes out, and whatever staff have written
 * meanwhile is shown. Until there is something, nothing but this is loaded.
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
  takeCodes(element, launcher, api, kept);
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

// What the tabs of this site, and no other, tell each other: a tab joins the conversation of another, and what one has
// shown is unread in none.

/**
 * Joins the tabs for as long as the chat lives, and gives the function that tells them something. Where the browser has
 * no such channel, as where it blocks all cookies, this fails, and the tab is on its own. `act` has the WASM do something.
 */
export function join(host, root, signal, act) {
  const channel = new BroadcastChannel("matrix-support-chat");
  signal.addEventListener("abort", () => channel.close());
  const api = host.apiUrl;
  const tell = (news) => signal.aborted || channel.postMessage({ api, ...news });
  // Another tab may have begun the next conversation. (The WASM hears of the click after this, and forgets the last one.)
  root.firstChild.onclick = ({ target }) => target.closest("[name=restart]") && tell({ isAsked: true });
  channel.onmessage = host.guard(({ data }) => {
    if (data?.api !== api) return;
    const session = host.load("");
    if (data.isAsked && session && !host.hasEnded) tell({ session });
    // Whoever has begun to write here has a conversation of their own, and wants no more of one that is over.
    const isNew = data.session && data.session.sessionId !== host.left;
    if (isNew && !session && !host.load("-draft")?.outgoing?.[0]) {
      host.keep("", JSON.stringify(data.session));
      act("resume");
    }
    if (data.read && data.read === session?.sessionId) act("read");
  });
  return tell;
}

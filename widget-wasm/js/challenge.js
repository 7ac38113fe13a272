// The challenge of Cloudflare's Turnstile, for servers that ask for one before the first message. Nothing of it is loaded,
// and Cloudflare hears of nobody, before a server asks.
const SCRIPT = "https://challenges.cloudflare.com/turnstile/v0/api.js?render=explicit";

/** The script, which the page needs once for as long as it lives. */
function load() {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.onload = resolve;
    script.onerror = reject;
    // A page may ask for Trusted Types; its policy then has to name this one.
    const policy = window.trustedTypes?.createPolicy("matrix-support-chat", { createScriptURL: () => SCRIPT });
    script.src = policy?.createScriptURL("") ?? SCRIPT;
    document.head.append(script);
  });
}

/** Shows the challenge in a node, and gives what takes it away. `answer` gets the token, or nothing if there will be none. */
export function show(node, siteKey, answer) {
  let id;
  let isOver = false;
  const container = document.createElement("div");
  node.append(container);
  const begin = async () => {
    if (!window.turnstile) await load();
    if (isOver) return;
    id = turnstile.render(container, {
      sitekey: siteKey,
      callback: answer,
      "error-callback": () => answer(),
      "expired-callback": () => answer(),
    });
  };
  begin().catch(() => isOver || answer());
  return () => {
    isOver = true;
    try {
      if (id !== undefined) turnstile.remove(id);
    } catch {
      // What it fails at is gone already.
    }
    container.remove();
  };
}

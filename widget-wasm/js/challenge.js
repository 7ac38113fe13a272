// The Turnstile challenge of Cloudflare, for servers that require one before the first message.
// Nothing is loaded from Cloudflare until a server asks for it.
const SCRIPT = "https://challenges.cloudflare.com/turnstile/v0/api.js?render=explicit";

/** Turnstile's script. The page loads it at most once. */
function load() {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.onload = resolve;
    script.onerror = reject;
    // If the page enforces Trusted Types, its policy has to allow this name.
    const policy = window.trustedTypes?.createPolicy("matrix-support-chat", { createScriptURL: () => SCRIPT });
    script.src = policy?.createScriptURL("") ?? SCRIPT;
    document.head.append(script);
  });
}

/**
 * Shows the challenge in a node, and returns a function that removes it. `answer` is called with
 * the token, or with nothing if there will be none.
 */
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
      // Removing fails only if the widget is gone already.
    }
    container.remove();
  };
}

// Brings the page's <template data-client-only> parts to life: late, so that they never compete
// with the page itself. See client_only.rs for the markup.

const INTENTS = ["pointerdown", "keydown", "scroll"];

/** Loads the part's module, then puts the template's content in place of the fallback. */
async function mount(template) {
  try {
    await import(template.dataset.module);
  } catch (error) {
    // The fallback stays: it is a way to reach us that needs no script.
    console.warn("This part of the page could not be loaded.", error);
    return;
  }
  const boundary = template.parentElement;
  const swap = () => boundary.replaceWith(template.content);
  // Never pull away what the visitor is just using.
  if (boundary.contains(document.activeElement)) {
    boundary.addEventListener("focusout", swap, { once: true });
  } else {
    swap();
  }
}

const settled = new AbortController();

function start() {
  if (settled.signal.aborted) return;
  settled.abort(); // removes the listeners below
  document.querySelectorAll("template[data-client-only]").forEach(mount);
}

function startWhenIdle() {
  // Safari has no requestIdleCallback; there, "a moment after load" has to do.
  if ("requestIdleCallback" in window) requestIdleCallback(start, { timeout: 2000 });
  else setTimeout(start, 200);
}

for (const intent of INTENTS) {
  addEventListener(intent, start, { passive: true, capture: true, signal: settled.signal });
}
if (document.readyState === "complete") startWhenIdle();
else addEventListener("load", startWhenIdle, { once: true, signal: settled.signal });

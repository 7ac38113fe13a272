// Activates the page's <template data-client-only> parts, late, so that they do not compete with
// the page itself. See client_only.rs for the markup.

const INTENTS = ["pointerdown", "keydown", "scroll"];

/** Loads the part's module, then replaces the fallback by the template's content. */
async function mount(template) {
  try {
    await import(template.dataset.module);
  } catch (error) {
    // The fallback stays, because it is a way to get in touch without scripts.
    console.warn("This part of the page could not be loaded.", error);
    return;
  }
  const boundary = template.parentElement;
  const swap = () => boundary.replaceWith(template.content);
  // The fallback must not disappear while the visitor is using it.
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
  // Safari has no requestIdleCallback, so a moment after the load event has to do.
  if ("requestIdleCallback" in window) requestIdleCallback(start, { timeout: 2000 });
  else setTimeout(start, 200);
}

for (const intent of INTENTS) {
  addEventListener(intent, start, { passive: true, capture: true, signal: settled.signal });
}
if (document.readyState === "complete") startWhenIdle();
else addEventListener("load", startWhenIdle, { once: true, signal: settled.signal });

/**
 * Runs in the page. Waits until everything that fades or moves in has its final colours and place.
 */
export async function animationsEnd(): Promise<void> {
  const roots = [document, document.querySelector("matrix-support-chat")?.shadowRoot];
  const running = roots.flatMap((root) => root?.getAnimations() ?? []);
  const ending = running.filter((it) => it.effect?.getComputedTiming().endTime !== Infinity);
  await Promise.allSettled(ending.map((it) => it.finished));
}

/** Runs in the page: waits until what fades or moves in is there. It has no colours and no place of its own before. */
export async function animationsEnd(): Promise<void> {
  const roots = [document, document.querySelector("matrix-support-chat")?.shadowRoot];
  const running = roots.flatMap((root) => root?.getAnimations() ?? []);
  const ending = running.filter((it) => it.effect?.getComputedTiming().endTime !== Infinity);
  await Promise.allSettled(ending.map((it) => it.finished));
}

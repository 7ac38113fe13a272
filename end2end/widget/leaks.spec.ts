import type { CDPSession, Page } from "@playwright/test";

import { expect, test } from "./fixtures.ts";

interface Counts {
  listeners: number;
  nodes: number;
  heap: number;
}

/** The objects that the page holds after garbage collection. */
async function held(session: CDPSession): Promise<Counts> {
  for (let n = 0; n < 3; n += 1) await session.send("HeapProfiler.collectGarbage");
  const { metrics } = await session.send("Performance.getMetrics");
  const value = (name: string): number => metrics.find((it) => it.name === name)?.value ?? NaN;
  return {
    listeners: value("JSEventListeners"),
    nodes: value("Nodes"),
    heap: value("JSHeapUsedSize"),
  };
}

/** Repeatedly adds the element to the page and removes it, with an open panel if wanted. */
async function mount(page: Page, times: number, open: boolean): Promise<void> {
  await page.evaluate(
    async ([times, open]) => {
      const original = document.querySelector("matrix-support-chat");
      for (let n = 0; n < times; n += 1) {
        const element = original?.cloneNode() as HTMLElement;
        document.body.append(element);
        if (open) {
          const opened = new Promise((resolve) =>
            element.addEventListener("support-chat-opened", resolve, { once: true }),
          );
          element.setAttribute("open", "");
          await opened;
        }
        element.remove();
      }
    },
    [times, open] as const,
  );
}

test("a thousand mounts and unmounts leave nothing behind", async ({ visitor }) => {
  test.setTimeout(240_000);
  const { page } = visitor;
  // Every timer and the WASM's memory are visible to the test.
  await page.addInitScript(() => {
    const timers = new Set<unknown>();
    const { setTimeout: set, clearTimeout: clear } = window;
    Object.assign(window, {
      timers,
      setTimeout: (call: () => void, ms: number) => {
        const id = set(() => {
          timers.delete(id);
          call();
        }, ms);
        timers.add(id);
        return id;
      },
      clearTimeout: (id: number) => {
        timers.delete(id);
        clear(id);
      },
    });
    const { Instance } = WebAssembly;
    WebAssembly.Instance = new Proxy(Instance, {
      construct(target, args: [WebAssembly.Module]) {
        const instance = new target(...args);
        const memory = Object.values(instance.exports).find((it) => it instanceof WebAssembly.Memory);
        Object.assign(window, { memory });
        return instance;
      },
    });
  });
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable");
  // The conversation makes each opened panel restore and poll something.
  await visitor.beginConversation("Hello");
  await visitor.closePanel();
  const wasm = (): Promise<number> =>
    page.evaluate(() => (window as unknown as { memory: WebAssembly.Memory }).memory.buffer.byteLength);

  // After these rounds, everything that is created once exists.
  await mount(page, 20, false);
  await mount(page, 20, true);
  // Part of a removed element may stay until the next one exists.
  await mount(page, 1, false);
  let before = await held(session);
  await expect
    .poll(async () => {
      // Uncollected garbage would hide a leak of the same size.
      await mount(page, 1, false);
      const next = await held(session);
      const fell = next.nodes < before.nodes || next.listeners < before.listeners;
      before = next;
      return fell;
    })
    .toBe(false);
  const wasmBefore = await wasm();

  await mount(page, 900, false);
  await mount(page, 100, true);

  await expect
    .poll(async () => {
      await mount(page, 1, false);
      const after = await held(session);
      return {
        listeners: Math.max(0, after.listeners - before.listeners),
        nodes: Math.max(0, after.nodes - before.nodes),
        // A leak would be at least 100 bytes per mount; less may come from the engine.
        heap: after.heap - before.heap < 100_000 ? "flat" : after.heap - before.heap,
      };
    })
    .toEqual({ listeners: 0, nodes: 0, heap: "flat" });
  expect(await wasm()).toBe(wasmBefore);
  // One closed chat with its conversation is left, which has one timer.
  const timers = await page.evaluate(() => (window as unknown as { timers: Set<unknown> }).timers.size);
  expect(timers).toBeLessThanOrEqual(1);
});

// Solves the proof of work that a server requires while very many conversations begin: ALTCHA's
// challenge, version 1. It is loaded only then. It runs on the page's own thread, because a worker
// would need more in a page's Content-Security-Policy, and cannot be loaded from another site.
import { sha256 } from "@noble/hashes/sha2.js";

/** How often the solver pauses to let the page do something else. */
const SLICE_MS = 12;
/** An upper limit that is more than any of our servers asks for. */
const MOST = 5_000_000;

/** Returns the answer, unless the node leaves the page first. */
export async function solve({ algorithm, challenge, salt, maxnumber, signature }, node) {
  if (algorithm !== "SHA-256" || !(maxnumber <= MOST)) throw new Error("not a challenge");
  const text = new TextEncoder();
  const salted = sha256.create().update(text.encode(salt));
  const hasher = salted.clone();
  const digits = new Uint8Array(16);
  const digest = new Uint8Array(32);
  // The rest of the hash is compared only if the first bytes match.
  const first = parseInt(challenge.slice(0, 6), 16);
  const { pause, end } = pauses();
  try {
    let until = performance.now() + SLICE_MS;
    for (let number = 0; number <= maxnumber; number++) {
      salted._cloneInto(hasher);
      hasher.update(digits.subarray(0, text.encodeInto(`${number}`, digits).written));
      hasher.digestInto(digest);
      if (((digest[0] << 16) | (digest[1] << 8) | digest[2]) === first && hex(digest) === challenge) {
        return btoa(JSON.stringify({ algorithm, challenge, number, salt, signature }));
      }
      if (number % 128 === 0 && performance.now() > until) {
        await pause();
        if (!node.isConnected) break;
        until = performance.now() + SLICE_MS;
      }
    }
  } finally {
    end();
  }
  throw new Error("no solution");
}

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Pauses until the page has handled its waiting tasks. (Timers are slow in hidden tabs.) */
function pauses() {
  const { port1, port2 } = new MessageChannel();
  return {
    pause: () =>
      new Promise((resolve) => {
        port1.onmessage = resolve;
        port2.postMessage(0);
      }),
    end: () => port1.close(),
  };
}

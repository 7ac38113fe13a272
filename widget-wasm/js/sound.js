// The sound of a reply: two short notes that the browser generates. It is loaded for visitors who
// have switched the sound on.

/** Replies that arrive together play one sound, and so does a reply that several tabs receive. */
const TOGETHER_MS = 1_000;

let context;
let last = -TOGETHER_MS;

export function play() {
  const asked = performance.now();
  // Browsers play no sound before the visitor has interacted with the page. Playing it later would
  // be misleading.
  if (asked - last < TOGETHER_MS || navigator.userActivation?.hasBeenActive === false) return;
  last = asked;
  context ??= new AudioContext();
  // An existing context may be suspended. Resuming it never completes without an audio device.
  context.resume().catch(() => {});
  const over = () => new Promise((resolve) => setTimeout(resolve, TOGETHER_MS));
  const alone = (isFirst) => {
    if (!isFirst) return undefined;
    notes();
    return over();
  };
  if (navigator.locks) navigator.locks.request("matrix-support-chat sound", { ifAvailable: true }, alone);
  else notes();
}

function notes() {
  [660, 880].forEach((hertz, index) => {
    const begin = context.currentTime + index * 0.12;
    const end = begin + 0.4;
    const note = context.createOscillator();
    const volume = context.createGain();
    note.frequency.value = hertz;
    volume.gain.setValueAtTime(0.1, begin);
    volume.gain.exponentialRampToValueAtTime(0.001, end);
    note.connect(volume).connect(context.destination);
    note.start(begin);
    note.stop(end);
  });
}

// Types only: Svelte uses <matrix-support-chat> as it is.
export { defineMatrixSupportChat } from "./index.js";

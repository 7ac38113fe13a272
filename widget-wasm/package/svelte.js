// Types only, since Svelte uses <matrix-support-chat> directly.
export { defineMatrixSupportChat } from "./index.js";

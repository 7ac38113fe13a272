import { addProperties } from "./properties.js";

/**
 * Defines `<matrix-support-chat>`. On a server, which has no custom elements, this does nothing.
 */
export async function defineMatrixSupportChat() {
  if (typeof customElements !== "undefined") {
    await import("./widget/matrix-support-chat.js");
    addProperties();
  }
}

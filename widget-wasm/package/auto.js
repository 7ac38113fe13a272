// Defines the element on import, for pages that need nothing else.
import { defineMatrixSupportChat } from "./index.js";

defineMatrixSupportChat();

// For pages that need no more than one `import` or script tag.
import { defineMatrixSupportChat } from "./index.js";

defineMatrixSupportChat();

// The types of <matrix-support-chat> in Svelte's templates.
import type { HTMLAttributes } from "svelte/elements";

import type {
  MatrixSupportChatElement,
  MatrixSupportChatEventMap,
  MatrixSupportChatProperties,
} from "./index.js";

export { defineMatrixSupportChat } from "./index.js";

type Handlers = {
  [Name in keyof MatrixSupportChatEventMap as `on${Name}`]?: (
    event: MatrixSupportChatEventMap[Name],
  ) => void;
};

/** The element in templates. */
export type MatrixSupportChatSvelte = HTMLAttributes<MatrixSupportChatElement> &
  Omit<Partial<MatrixSupportChatProperties>, "lang" | "enabled"> &
  Handlers & { "api-url"?: string; "visitor-name"?: string; "visitor-email"?: string; "greet-after"?: number | string; enabled?: boolean | "true" };

declare module "svelte/elements" {
  interface SvelteHTMLElements {
    "matrix-support-chat": MatrixSupportChatSvelte;
  }
}

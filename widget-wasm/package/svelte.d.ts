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

/**
 * The element in templates, by its attributes. Before it is defined, Svelte writes all props as
 * attributes and knows no other names for them. Only `messages` is always a property.
 */
export type MatrixSupportChatSvelte = HTMLAttributes<MatrixSupportChatElement> &
  Pick<Partial<MatrixSupportChatProperties>, "open" | "position" | "messages" | "suggestions"> &
  Handlers & {
    "api-url": string;
    enabled: boolean | "true";
    identity?: string | undefined;
    consent?: string | undefined;
    "visitor-name"?: string | undefined;
    "visitor-email"?: string | undefined;
    "greet-after"?: number | string | undefined;
    resume?: true | undefined;
    "watch-replies"?: true | undefined;
  };

declare module "svelte/elements" {
  interface SvelteHTMLElements {
    "matrix-support-chat": MatrixSupportChatSvelte;
  }
}

// <SupportChat> for React 19, and the types of <matrix-support-chat> in JSX.
import type { DetailedHTMLProps, HTMLAttributes, ReactElement, ReactNode } from "react";

import type {
  MatrixSupportChatElement,
  MatrixSupportChatErrorCode,
  MatrixSupportChatEventMap,
  MatrixSupportChatProperties,
} from "./index.js";

export interface SupportChatProps extends MatrixSupportChatProperties {
  /** Another way to get in touch, shown until the chat is loaded and where it cannot be. */
  children?: ReactNode;
  onOpenChange?: (open: boolean) => void;
  onOpened?: () => void;
  onClosed?: () => void;
  onSessionStarted?: (sessionId: string) => void;
  onMessageSent?: (message: MatrixSupportChatEventMap["support-chat-message-sent"]["detail"]) => void;
  onMessageReceived?: (
    message: MatrixSupportChatEventMap["support-chat-message-received"]["detail"],
  ) => void;
  onError?: (code: MatrixSupportChatErrorCode) => void;
}

/** The chat. Set `open` and `onOpenChange` to control the panel. */
export declare function SupportChat(props: SupportChatProps): ReactElement | null;

type Handlers = {
  [Name in keyof MatrixSupportChatEventMap as `on${Name}`]?: (
    event: MatrixSupportChatEventMap[Name],
  ) => void;
};

/**
 * The element in JSX. Its properties work once it is defined; before that, use `enabled="true"` and
 * `api-url`.
 */
export type MatrixSupportChatJsx = DetailedHTMLProps<
  HTMLAttributes<MatrixSupportChatElement>,
  MatrixSupportChatElement
> &
  Omit<Partial<MatrixSupportChatProperties>, "lang" | "enabled"> &
  Handlers & { "api-url"?: string; "visitor-name"?: string; "visitor-email"?: string; "greet-after"?: number | string; enabled?: boolean | "true" };

declare module "react" {
  namespace JSX {
    interface IntrinsicElements {
      "matrix-support-chat": MatrixSupportChatJsx;
    }
  }
}

import type texts from "./texts.js";

/**
 * Defines `<matrix-support-chat>` by loading the launcher, a small script. Importing this module
 * has no effect, and neither has a call on a server. Rejects if the script cannot be loaded.
 */
export declare function defineMatrixSupportChat(): Promise<void>;

/** The `<matrix-support-chat>` element. */
export interface MatrixSupportChatElement extends HTMLElement {
  /** The origin of the chat's server (attribute `api-url`). */
  apiUrl: string;
  /** Whether the chat is enabled (attribute `enabled`, which must be exactly `"true"`). */
  enabled: boolean;
  /** Whether the panel is open (attribute `open`). */
  open: boolean;
  /** The visitor's name, shown to staff, if the page knows it (attribute `visitor-name`). */
  visitorName?: string;
  /**
   * The visitor's e-mail address, shown to staff, if the page knows it (attribute `visitor-email`).
   */
  visitorEmail?: string;
  /** The corner of the page in which the launcher is (attribute `position`). */
  position?: "left" | "right";
  /** Whether to look for replies while the panel is closed (attribute `watch-replies`). */
  watchReplies?: boolean;
  /** Your own texts, which replace the shipped ones with the same keys. */
  messages?: MatrixSupportChatMessages;
  /** A JWT by which your server vouches for the visitor (attribute `identity`). */
  identity?: string;
  /** What the visitor is told before the first message (attribute `consent`); `[words](address)` is a link. */
  consent?: string;
  /** Whether the link of a mail may lead to this page (attribute `resume`). */
  resume?: boolean;
  /**
   * The number of seconds after which a bubble beside the launcher greets the visitor (attribute
   * `greet-after`).
   */
  greetAfter?: number;
  /** Suggested questions: up to six buttons in the empty panel. */
  suggestions?: readonly string[];
  /** Opens the panel. */
  show(): void;
  /** Closes the panel. The conversation stays open. */
  hide(): void;
  /** Greets the visitor in a bubble beside the launcher, with your own text or the shipped one. */
  greet(text?: string): void;
}

/**
 * The keys of the widget's texts. `@webdevelop-pro/matrix-support-chat/texts` contains them with
 * the English texts.
 */
export type MatrixSupportChatMessageKey = Exclude<keyof typeof texts, "lang" | "dir">;

/** Your own texts by their keys. */
export type MatrixSupportChatMessages = { [Key in MatrixSupportChatMessageKey]?: string | undefined };

/** A trouble that was shown to the visitor. */
export type MatrixSupportChatErrorCode =
  | "blocked"
  | "load_failed"
  | "message_too_long"
  | "not_allowed"
  | "not_ended"
  | "not_sent"
  | "offline"
  | "rate_limited"
  | "refused"
  | "unavailable"
  | "unreachable";

/** The element's properties, as a framework's component takes them. */
export interface MatrixSupportChatProperties {
  apiUrl: string;
  enabled?: boolean | undefined;
  open?: boolean | undefined;
  lang?: string | undefined;
  visitorName?: string | undefined;
  visitorEmail?: string | undefined;
  position?: "left" | "right" | undefined;
  watchReplies?: boolean | undefined;
  messages?: MatrixSupportChatMessages | undefined;
  identity?: string | undefined;
  consent?: string | undefined;
  resume?: boolean | undefined;
  greetAfter?: number | undefined;
  suggestions?: readonly string[] | undefined;
}

/**
 * The element's events. They bubble, also out of shadow roots. None contains the session's token.
 */
export interface MatrixSupportChatEventMap {
  /** The panel was opened. */
  "support-chat-opened": CustomEvent<null>;
  /** The panel was closed. */
  "support-chat-closed": CustomEvent<null>;
  /** The first message was accepted, which began a conversation. */
  "support-chat-session-started": CustomEvent<{ sessionId: string }>;
  /** A message of the visitor's was accepted. */
  "support-chat-message-sent": CustomEvent<{ messageId: string; createdAt: string }>;
  /** A reply of staff arrived. */
  "support-chat-message-received": CustomEvent<{
    messageId: string;
    body: string;
    createdAt: string;
  }>;
  /** A trouble was shown to the visitor. */
  "support-chat-error": CustomEvent<{ code: MatrixSupportChatErrorCode }>;
}

declare global {
  interface HTMLElementTagNameMap {
    "matrix-support-chat": MatrixSupportChatElement;
  }
  interface GlobalEventHandlersEventMap extends MatrixSupportChatEventMap {}
}

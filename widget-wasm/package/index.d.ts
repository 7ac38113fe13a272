import type texts from "./texts.js";

/**
 * Defines `<matrix-support-chat>`: fetches the launcher, a small script. Importing this module does nothing, on a
 * server neither does the call. Rejects when the script cannot be fetched.
 */
export declare function defineMatrixSupportChat(): Promise<void>;

/** The `<matrix-support-chat>` element. */
export interface MatrixSupportChatElement extends HTMLElement {
  /** The origin of the chat's server (attribute `api-url`). */
  apiUrl: string;
  /** Whether there is a chat at all (attribute `enabled`, on for exactly `"true"`). */
  enabled: boolean;
  /** Whether the panel is open (attribute `open`). */
  open: boolean;
  /** The visitor's name, for the staff, where the page knows it (attribute `visitor-name`). */
  visitorName?: string;
  /** The visitor's e-mail address, for the staff, where the page knows it (attribute `visitor-email`). */
  visitorEmail?: string;
  /** The corner of the page (attribute `position`). */
  position?: "left" | "right";
  /** Looks for replies while the panel is closed, too (attribute `watch-replies`). */
  watchReplies?: boolean;
  /** Texts of your own, in place of the shipped ones of the same key. */
  messages?: MatrixSupportChatMessages;
  /** A JWT by which your server vouches for the visitor (attribute `identity`). */
  identity?: string;
  /** What the visitor is told before the first message (attribute `consent`); `[words](address)` is a link. */
  consent?: string;
  /** Whether the link of a mail may lead to this page (attribute `resume`). */
  resume?: boolean;
  /** After how many seconds a bubble beside the launcher greets (attribute `greet-after`). */
  greetAfter?: number;
  /** Questions to begin with: buttons in the empty panel, six at most. */
  suggestions?: readonly string[];
  /** Opens the panel. */
  show(): void;
  /** Closes the panel; the conversation stays. */
  hide(): void;
  /** Greets in a bubble beside the launcher, with a text of your own or the shipped one. */
  greet(text?: string): void;
}

/** The keys of the widget's texts. `@webdevelop-pro/matrix-support-chat/texts` has them with the English texts. */
export type MatrixSupportChatMessageKey = Exclude<keyof typeof texts, "lang" | "dir">;

/** Texts of your own by their keys. */
export type MatrixSupportChatMessages = { [Key in MatrixSupportChatMessageKey]?: string | undefined };

/** What the visitor was told of. */
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

/** What the element tells. The events bubble, out of shadow roots too; none carries the session's token. */
export interface MatrixSupportChatEventMap {
  /** The panel was opened. */
  "support-chat-opened": CustomEvent<null>;
  /** The panel was closed. */
  "support-chat-closed": CustomEvent<null>;
  /** The first message was accepted, and there is a conversation. */
  "support-chat-session-started": CustomEvent<{ sessionId: string }>;
  /** A message of the visitor's was accepted. */
  "support-chat-message-sent": CustomEvent<{ messageId: string; createdAt: string }>;
  /** Staff wrote. */
  "support-chat-message-received": CustomEvent<{
    messageId: string;
    body: string;
    createdAt: string;
  }>;
  /** The visitor was told of a trouble. */
  "support-chat-error": CustomEvent<{ code: MatrixSupportChatErrorCode }>;
}

declare global {
  interface HTMLElementTagNameMap {
    "matrix-support-chat": MatrixSupportChatElement;
  }
  interface GlobalEventHandlersEventMap extends MatrixSupportChatEventMap {}
}

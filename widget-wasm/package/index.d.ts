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
  /** Texts of your own, in place of the shipped ones of the same key. */
  messages?: MatrixSupportChatMessages;
  /** Opens the panel. */
  show(): void;
  /** Closes the panel; the conversation stays. */
  hide(): void;
}

/** Texts of the widget by their keys, which `docs/widget.md` lists. */
export type MatrixSupportChatMessages = Partial<Record<string, string>>;

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
  /**
   * The visitor was told of a trouble. Codes: `load_failed`, `offline`, `unreachable`, `not_sent`, `not_ended`,
   * `rate_limited`, `unavailable`, `message_too_long`, `blocked`, `not_allowed`, `refused`.
   */
  "support-chat-error": CustomEvent<{ code: string }>;
}

declare global {
  interface HTMLElementTagNameMap {
    "matrix-support-chat": MatrixSupportChatElement;
  }
  interface GlobalEventHandlersEventMap extends MatrixSupportChatEventMap {}
}

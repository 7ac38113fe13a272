export interface MockMessage {
  id: string;
  sender: "visitor" | "staff";
  body: string;
  createdAt: string;
}

export interface MockSupportChat {
  /** Every request that came to the API. */
  readonly requests: { method: string; url: string; body: unknown }[];
  /** The conversation. */
  readonly messages: MockMessage[];
  /** Staff write. */
  reply(body: string): MockMessage;
  /** From now on every request fails: without an answer, or with a problem. */
  fail(how: "unreachable" | { status: number; code: string }): void;
  /** What failed works again. */
  mend(): void;
  /** Ends it: `fetch` is the page's own again. */
  restore(): void;
}

/**
 * Plays the chat's server at `apiUrl`, in place of `globalThis.fetch`, for unit tests and Storybook. `reply` gives
 * what staff answer to a message, if anything.
 */
export declare function mockSupportChat(options: {
  apiUrl: string;
  reply?: (body: string) => string | undefined;
  /** Whether somebody is there, and whether the server mails replies and takes ratings. */
  availability?: { open: boolean; opensAt?: string; mail?: boolean; rating?: boolean };
}): MockSupportChat;

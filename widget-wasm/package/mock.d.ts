export interface MockMessage {
  id: string;
  sender: "visitor" | "staff";
  body: string;
  createdAt: string;
}

export interface MockSupportChat {
  /** Every request that the mock has received. */
  readonly requests: { method: string; url: string; body: unknown }[];
  /** The conversation. */
  readonly messages: MockMessage[];
  /** Adds a reply of staff. */
  reply(body: string): MockMessage;
  /** Makes every request fail from now on, without an answer or with a problem. */
  fail(how: "unreachable" | { status: number; code: string }): void;
  /** Ends the failure. */
  mend(): void;
  /** Restores the page's own `fetch`. */
  restore(): void;
}

/**
 * Simulates the chat's server at `apiUrl` by replacing `globalThis.fetch`, for unit tests and
 * Storybook. `reply` returns the reply of staff to a message, if any.
 */
export declare function mockSupportChat(options: {
  apiUrl: string;
  reply?: (body: string) => string | undefined;
  /** Whether staff are available, and whether the server mails replies and takes ratings. */
  availability?: { open: boolean; opensAt?: string; mail?: boolean; rating?: boolean };
}): MockSupportChat;

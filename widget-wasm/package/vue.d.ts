// <SupportChat> and useSupportChat() for Vue, and the types of <matrix-support-chat> in templates.
import type {
  DefineSetupFnComponent,
  EmitFn,
  HTMLAttributes,
  PublicProps,
  Ref,
  ShallowRef,
  SlotsType,
  WritableComputedRef,
} from "vue";

import type {
  MatrixSupportChatElement,
  MatrixSupportChatErrorCode,
  MatrixSupportChatEventMap,
  MatrixSupportChatProperties,
} from "./index.js";

/** What `<SupportChat>` tells. */
export type SupportChatEmits = {
  "update:open": (open: boolean) => void;
  opened: () => void;
  closed: () => void;
  sessionStarted: (sessionId: string) => void;
  messageSent: (message: MatrixSupportChatEventMap["support-chat-message-sent"]["detail"]) => void;
  messageReceived: (
    message: MatrixSupportChatEventMap["support-chat-message-received"]["detail"],
  ) => void;
  error: (code: MatrixSupportChatErrorCode) => void;
};

/** What a template ref to `<SupportChat>` has. */
export interface SupportChatExposed {
  element: Readonly<ShallowRef<MatrixSupportChatElement | null>>;
  show(): void;
  hide(): void;
  /** Greets in a bubble beside the launcher, once the element is defined. */
  greet(text?: string): void;
}

/**
 * The chat, once the page is idle or in use, and in browsers only. What is in its slot is another way to get in touch:
 * visitors see it until the chat is there, and where it cannot be.
 */
export declare const SupportChat: DefineSetupFnComponent<
  MatrixSupportChatProperties,
  SupportChatEmits,
  SlotsType<{ default?: Record<string, never> }>
>;

/** What the chat on the page is doing, for any component of the page. */
export declare function useSupportChat(): {
  /** Whether the panel is open; set it to open or close the panel. */
  open: WritableComputedRef<boolean>;
  /** How many messages of the staff came while the panel was closed. */
  unread: Ref<number>;
  /** The id of this tab's conversation. */
  session: Ref<string | undefined>;
  /** The troubles that the visitor was told of, the latest last. */
  errors: Ref<MatrixSupportChatErrorCode[]>;
  show(): void;
  hide(): void;
};

type Properties = Omit<Partial<MatrixSupportChatProperties>, "lang">;

/** The element as Vue's templates see it. */
export interface MatrixSupportChatComponent {
  new (): MatrixSupportChatElement & {
    $props: HTMLAttributes & PublicProps & Properties;
    $emit: EmitFn<{
      [Name in keyof MatrixSupportChatEventMap]: (event: MatrixSupportChatEventMap[Name]) => void;
    }>;
  };
}

declare module "vue" {
  interface GlobalComponents {
    "matrix-support-chat": MatrixSupportChatComponent;
  }
}

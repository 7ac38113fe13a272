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

/** The events of `<SupportChat>`. */
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

/** What a template ref to `<SupportChat>` gives. */
export interface SupportChatExposed {
  element: Readonly<ShallowRef<MatrixSupportChatElement | null>>;
  show(): void;
  hide(): void;
  /** Greets the visitor in a bubble beside the launcher, once the element is defined. */
  greet(text?: string): void;
}

/**
 * The chat. It is loaded in browsers only, once the page is idle or in use. Its slot contains
 * another way to get in touch, shown until the chat is loaded and where it cannot be.
 */
export declare const SupportChat: DefineSetupFnComponent<
  MatrixSupportChatProperties,
  SupportChatEmits,
  SlotsType<{ default?: Record<string, never> }>
>;

/** The state of the page's chat, for any component. */
export declare function useSupportChat(): {
  /** Whether the panel is open. Set it to open or close the panel. */
  open: WritableComputedRef<boolean>;
  /** The number of replies that came while the panel was closed. */
  unread: Ref<number>;
  /** The id of this tab's conversation. */
  session: Ref<string | undefined>;
  /** The troubles that were shown to the visitor, latest last. */
  errors: Ref<MatrixSupportChatErrorCode[]>;
  show(): void;
  hide(): void;
};

type Properties = Omit<Partial<MatrixSupportChatProperties>, "lang">;

/** The element in Vue's templates. */
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

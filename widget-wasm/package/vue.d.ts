// Types `<matrix-support-chat>` in Vue templates.
import type { EmitFn, HTMLAttributes, PublicProps } from "vue";

import type { MatrixSupportChatElement, MatrixSupportChatEventMap } from "./index.js";

type Properties = "apiUrl" | "enabled" | "open" | "visitorName" | "visitorEmail" | "messages";

/** The element as Vue's templates see it. */
export interface MatrixSupportChatComponent {
  new (): MatrixSupportChatElement & {
    $props: HTMLAttributes &
      PublicProps & { [Name in Properties]?: MatrixSupportChatElement[Name] | undefined };
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

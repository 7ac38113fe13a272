/// <reference types="vite/client" />
import type {} from "@webdevelop-pro/matrix-support-chat/vue";

declare global {
  interface ImportMetaEnv {
    readonly VITE_MATRIX_CHAT_ENABLED?: string;
    readonly VITE_MATRIX_CHAT_API_URL?: string;
  }
}

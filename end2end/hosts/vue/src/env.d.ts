/// <reference types="vite/client" />

interface ImportMetaEnv {
  readonly VITE_MATRIX_CHAT_ENABLED?: string;
  readonly VITE_MATRIX_CHAT_API_URL?: string;
}

// <SupportChat> and useSupportChat() for Vue.
import {
  computed,
  defineComponent,
  h,
  onBeforeUnmount,
  onMounted,
  onScopeDispose,
  ref,
  useTemplateRef,
  watch,
} from "vue";

import { defineMatrixSupportChat } from "./index.js";

const TAG = "matrix-support-chat";
const EVENTS = ["opened", "closed", "session-started", "message-sent", "message-received", "error"];
const INTENTS = ["pointerdown", "keydown", "scroll"];

/**
 * Calls back once, when the page is idle or the visitor begins to use it. Returns a function that
 * cancels this.
 */
function whenIdleOrInUse(then) {
  const settled = new AbortController();
  const start = () => {
    if (settled.signal.aborted) return;
    settled.abort();
    then();
  };
  for (const intent of INTENTS) {
    addEventListener(intent, start, { passive: true, capture: true, signal: settled.signal });
  }
  // Safari has no requestIdleCallback.
  const idle = window.requestIdleCallback ?? ((call) => setTimeout(call, 200));
  idle(start, { timeout: 2_000 });
  return () => settled.abort();
}

export const SupportChat = /* @__PURE__ */ defineComponent({
  name: "SupportChat",
  props: {
    apiUrl: { type: String, required: true },
    enabled: { type: Boolean, default: true },
    open: { type: Boolean, default: undefined },
    lang: String,
    visitorName: String,
    visitorEmail: String,
    position: String,
    watchReplies: Boolean,
    messages: Object,
    identity: String,
    consent: String,
    resume: Boolean,
    greetAfter: Number,
    suggestions: Array,
  },
  emits: {
    "update:open": (open) => typeof open === "boolean",
    opened: () => true,
    closed: () => true,
    sessionStarted: (sessionId) => typeof sessionId === "string",
    messageSent: (message) => typeof message === "object",
    messageReceived: (message) => typeof message === "object",
    error: (code) => typeof code === "string",
  },
  setup(props, { emit, expose, slots }) {
    const element = useTemplateRef("element");
    const hasFailed = ref(false);
    const define = () => {
      // Without the element's class, the page goes on showing what is in the slot; where there is nothing, the server's page.
      defineMatrixSupportChat().catch(() => {
        hasFailed.value = true;
        emit("error", "load_failed");
      });
    };
    const supportPage = () => {
      const words = props.messages?.launcher ?? "Chat with us";
      return h("a", { href: props.apiUrl.replace(/\/?$/, "/support"), target: "_blank" }, words);
    };
    let stopWaiting = () => {};
    onMounted(() => {
      const follow = (enabled) => {
        stopWaiting();
        if (enabled) stopWaiting = whenIdleOrInUse(define);
      };
      watch(() => props.enabled, follow, { immediate: true });
    });
    onBeforeUnmount(() => stopWaiting());
    expose({
      element,
      show: () => element.value?.setAttribute("open", ""),
      hide: () => element.value?.removeAttribute("open"),
      greet: (text) => element.value?.greet?.(text),
    });
    const opened = (open) => () => {
      emit("update:open", open);
      if (open) emit("opened");
      else emit("closed");
    };
    return () => {
      if (!props.enabled) return null;
      const attributes = {
        ref: "element",
        enabled: "true",
        "api-url": props.apiUrl,
        lang: props.lang,
        "visitor-name": props.visitorName,
        "visitor-email": props.visitorEmail,
        position: props.position,
        "watch-replies": props.watchReplies ? "" : undefined,
        identity: props.identity,
        consent: props.consent,
        resume: props.resume ? "" : undefined,
        "greet-after": props.greetAfter,
        // Set as a property, whether or not the class is defined yet.
        ".messages": props.messages,
        ".suggestions": props.suggestions,
        "onSupport-chat-opened": opened(true),
        "onSupport-chat-closed": opened(false),
        "onSupport-chat-session-started": ({ detail }) => emit("sessionStarted", detail.sessionId),
        "onSupport-chat-message-sent": ({ detail }) => emit("messageSent", detail),
        "onSupport-chat-message-received": ({ detail }) => emit("messageReceived", detail),
        "onSupport-chat-error": ({ detail }) => emit("error", detail.code),
      };
      // Without `v-model:open`, only the visitor opens and closes the panel.
      if (props.open !== undefined) attributes.open = props.open;
      return h(TAG, attributes, slots.default?.() ?? (hasFailed.value ? supportPage() : undefined));
    };
  },
});

/** The state of the page's chat, wherever on the page it is. */
export function useSupportChat() {
  const isOpen = ref(false);
  const unread = ref(0);
  const session = ref();
  const errors = ref([]);
  const element = () => document.querySelector(TAG);
  /** The conversation that the tab stores, by its id. The other stored items have longer names. */
  const stored = () => {
    try {
      const items = Object.entries(sessionStorage).filter(([key]) => key === TAG || key.startsWith(`${TAG} `));
      return items.map(([, json]) => JSON.parse(json).sessionId).find(Boolean);
    } catch {
      return undefined;
    }
  };
  const hear = ({ type, detail }) => {
    if (type === "support-chat-opened") {
      isOpen.value = true;
      unread.value = 0;
    } else if (type === "support-chat-closed") isOpen.value = false;
    else if (type === "support-chat-message-received") unread.value += isOpen.value ? 0 : 1;
    else if (type === "support-chat-error") errors.value = [...errors.value, detail.code];
    session.value = detail?.sessionId ?? stored();
  };
  const stop = new AbortController();
  onMounted(() => {
    for (const name of EVENTS) {
      document.addEventListener(`support-chat-${name}`, hear, { signal: stop.signal });
    }
    isOpen.value = element()?.open === true;
    session.value = stored();
  });
  onScopeDispose(() => stop.abort());
  const open = computed({
    get: () => isOpen.value,
    set: (wanted) => element()?.toggleAttribute("open", Boolean(wanted)),
  });
  return {
    open,
    unread,
    session,
    errors,
    show: () => (open.value = true),
    hide: () => (open.value = false),
  };
}

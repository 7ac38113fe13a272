// <SupportChat> for React 19.
import { createElement, useEffect, useRef, useState } from "react";

import { defineMatrixSupportChat } from "./index.js";

/** The component's handlers by the element's events, and what they are called with. */
const HANDLERS = {
  "support-chat-opened": ["onOpened", () => undefined],
  "support-chat-closed": ["onClosed", () => undefined],
  "support-chat-session-started": ["onSessionStarted", ({ sessionId }) => sessionId],
  "support-chat-message-sent": ["onMessageSent", (detail) => detail],
  "support-chat-message-received": ["onMessageReceived", (detail) => detail],
  "support-chat-error": ["onError", ({ code }) => code],
};

export function SupportChat(props) {
  const { apiUrl, enabled = true, open, messages, suggestions, lang, position, identity, children } = props;
  const element = useRef(null);
  const latest = useRef(props);
  const [hasFailed, setFailed] = useState(false);
  useEffect(() => {
    latest.current = props;
  });
  useEffect(() => {
    const { current } = element;
    if (!current) return;
    const stop = new AbortController();
    for (const [event, [handler, given]] of Object.entries(HANDLERS)) {
      const hear = ({ detail }) => {
        latest.current[handler]?.(given(detail));
        if (handler === "onOpened") latest.current.onOpenChange?.(true);
        if (handler === "onClosed") latest.current.onOpenChange?.(false);
      };
      current.addEventListener(event, hear, { signal: stop.signal });
    }
    // Without the element's class, the page goes on showing the children; where there are none, the server's page.
    defineMatrixSupportChat().catch(() => {
      setFailed(true);
      latest.current.onError?.("load_failed");
    });
    return () => stop.abort();
  }, [enabled]);
  useEffect(() => {
    if (element.current) Object.assign(element.current, { messages, suggestions });
  }, [messages, suggestions, enabled]);
  useEffect(() => {
    if (open !== undefined) element.current?.toggleAttribute("open", open);
  }, [open, enabled]);
  if (!enabled) return null;
  return createElement(
    "matrix-support-chat",
    {
      ref: element,
      // As strings, they have the same meaning before the element is defined.
      "api-url": apiUrl,
      enabled: "true",
      lang,
      position,
      "visitor-name": props.visitorName,
      "visitor-email": props.visitorEmail,
      "watch-replies": props.watchReplies ? "" : undefined,
      identity,
      consent: props.consent,
      resume: props.resume ? "" : undefined,
      "greet-after": props.greetAfter,
    },
    children ?? (hasFailed ? supportPage(apiUrl, messages) : null),
  );
}

function supportPage(apiUrl, messages) {
  const href = apiUrl.replace(/\/?$/, "/support");
  return createElement("a", { href, target: "_blank" }, messages?.launcher ?? "Chat with us");
}

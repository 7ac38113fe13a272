// Not part of the site. This checks that wrong uses of the package do not compile: otherwise `npm
// run check` fails.
import "@webdevelop-pro/matrix-support-chat/svelte";
import type { SvelteHTMLElements } from "svelte/elements";

type Chat = SvelteHTMLElements["matrix-support-chat"];

const needed = { "api-url": "https://chat.example.org", enabled: true } as const;

export const RIGHT: Chat = {
  ...needed,
  position: "left",
  "watch-replies": true,
  consent: "See our [privacy notice](/privacy).",
  messages: { launcher: "Ask us" },
  "onsupport-chat-error": ({ detail }) => console.warn(detail.code),
};

export const WRONG: Chat[] = [
  // @ts-expect-error no API
  { enabled: true },
  // @ts-expect-error no such corner
  { ...needed, position: "top" },
  // @ts-expect-error no such text
  { ...needed, messages: { lancher: "Ask us" } },
  // @ts-expect-error no such attribute
  { ...needed, token: "secret" },
  // @ts-expect-error Svelte would write it as the attribute "visitorname"
  { ...needed, visitorName: "Ada" },
  // @ts-expect-error no such detail
  { ...needed, "onsupport-chat-error": ({ detail }) => console.warn(detail.token) },
];

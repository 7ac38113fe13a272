import { test as base } from "@playwright/test";

const NO_MEDIA = "Playwright cannot change media features in a Firefox that it steers by WebDriver BiDi";
const NO_BODY = "Playwright does not see what a request of a Firefox by WebDriver BiDi carries, so cannot send it on";
const NO_DEVTOOLS = "it counts nodes and listeners through Chromium's DevTools";

const NO_DOWNLOAD = "Playwright hears of no download of a Firefox by WebDriver BiDi, which gives it no id";
const NO_TYPING = "Playwright types into a Firefox by a script that needs MutationObserver";
const NO_FONT_SIZE = "Playwright sets a browser's font size through Chromium's DevTools";

/**
 * The tests that a browser's engine or its driver cannot run, by file and title, with the reason.
 */
const LEFT_OUT: Record<string, Record<string, Record<string, string>>> = {
  firefox: {
    "accessibility.spec.ts": {
      "who wants no motion gets none": NO_MEDIA,
      "in forced colours everything still has an outline, and every picture is seen: light": NO_MEDIA,
      "in forced colours everything still has an outline, and every picture is seen: dark": NO_MEDIA,
    },
    "failures.spec.ts": { "without MutationObserver, one can chat": NO_TYPING },
    "host-pages.spec.ts": { "neither launcher nor panel is on paper": NO_MEDIA },
    "network.spec.ts": {
      "a first message whose answer was lost makes one room, not two": NO_BODY,
      "a later message whose answer was lost is delivered once": NO_BODY,
    },
    "page-styles.spec.ts": { "sizes follow the browser's own font size, and not the page's": NO_FONT_SIZE },
    "transcript.spec.ts": { "the browser saves a file": NO_DOWNLOAD },
    "leaks.spec.ts": { "a thousand mounts and unmounts leave nothing behind": NO_DEVTOOLS },
  },
};

/**
 * The tests that WebKitGTK's browser or WebDriver cannot run, with the reason.
 * `webkit/left-out.spec.ts` reports them as skipped.
 */
export const LEFT_OUT_IN_WEBKIT: Record<string, string> = {
  "being offline, and what goes out once the browser is online": "WebDriver cannot cut a browser off from the network",
  "polling and waiting by the page's clock": "WebDriver has no clock of its own for a page, and real minutes are too long",
  "forced colours, no motion, on paper": "WebDriver cannot change media features",
  "screens of 320 and 360 pixels": "MiniBrowser makes its window no narrower than 447 pixels",
  "the cache for Back and Forward": "WebKitGTK does not keep pages while it is automated",
  "the file that the browser saves": "WebDriver hears of no download; what the file is made of is tested",
  "listeners, nodes and memory": "WebDriver does not count them",
  "what the Content-Security-Policy forbids": "WebDriver hears of no violation; the panel works only where there is none",
};

/** Skips the tests that the browser cannot run, and reports the reason. */
export const test = base.extend<{ able: void }>({
  able: [
    async ({ browserName }, use, { file, title, skip }) => {
      const name = file.slice(file.lastIndexOf("/") + 1);
      const reason = LEFT_OUT[browserName]?.[name]?.[title];
      skip(reason !== undefined, reason ?? "");
      await use();
    },
    { auto: true },
  ],
});

import { animationsEnd } from "../support/animations.ts";
import type { ScriptedApi } from "../support/scripted-api.ts";
import type { WebKitVisitor } from "../support/webkit-visitor.ts";
import { test } from "../webkit/fixtures.ts";
import { write } from "./save.ts";

type Scene = (visitor: WebKitVisitor, api: ScriptedApi) => Promise<void>;

const converse: Scene = async (visitor, api) => {
  await visitor.visit();
  await visitor.openChat();
  await visitor.say("Hello, I need help with tokenization infrastructure.");
  api.reply("Hi! Gladly. Which assets is it about, and by when?");
  await visitor.reads("by when?");
};

/** The main states, in the narrowest window that MiniBrowser allows. */
const SCENES: Record<string, Scene> = {
  empty: async (visitor) => {
    await visitor.visit();
    await visitor.openChat();
  },
  conversation: async (visitor, api) => {
    await converse(visitor, api);
    await visitor.write("Yes, please");
  },
  failure: async (visitor, api) => {
    await converse(visitor, api);
    api.break("send", "unreachable");
    await visitor.write("Can we talk to someone about it?");
    await visitor.click("button", "Send");
    await visitor.sees("button", "Retry");
  },
  "end-asked": async (visitor, api) => {
    await converse(visitor, api);
    await visitor.click("button", "End chat");
    await visitor.sees("button", "Keep chatting");
  },
};

for (const [name, scene] of Object.entries(SCENES)) {
  for (const [screen, width, height] of [
    ["desktop", 900, 760],
    ["phone", 450, 800],
  ] as const) {
    test(`${name}, ${screen}`, async ({ visitor, api, webkit, gtkTheme }) => {
      await webkit.resize(width, height);
      await scene(visitor, api);
      await webkit.evaluate(animationsEnd);
      const dark = gtkTheme.endsWith(":dark") ? "-dark" : "";
      await write(`webkit/${name}-${screen}${dark}`, await webkit.picture());
    });
  }
}

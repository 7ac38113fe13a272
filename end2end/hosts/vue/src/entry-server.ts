import { renderToString } from "vue/server-renderer";
import { createMemoryHistory } from "vue-router";

import { createSite } from "./app";

/** A page's HTML. */
export async function render(path: string): Promise<string> {
  const { app, router } = createSite(createMemoryHistory());
  await router.push(path);
  return renderToString(app);
}

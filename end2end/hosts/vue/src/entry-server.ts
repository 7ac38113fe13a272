import { renderToString } from "vue/server-renderer";
import { createMemoryHistory } from "vue-router";

import { createSite } from "./app";

/** Renders the HTML of a page. */
export async function render(path: string): Promise<string> {
  const { app, router } = createSite(createMemoryHistory());
  await router.push(path);
  return renderToString(app);
}

import type { Page } from "@playwright/test";

import type { LoopbackSite } from "./loopback-site.ts";
import { DRAFT_KEY, Visitor } from "./visitor.ts";

/** A way in which a visitor leaves a page, and the tab in which they continue. */
export type Leave = (visitor: Visitor, site: LoopbackSite) => Promise<Visitor>;

/** Every way to leave a page or to lose the page's element, and to get a chat again. */
export const WAYS_TO_LEAVE: Record<string, Leave> = {
  "a link": async (visitor) => {
    await visitor.page.getByRole("link", { name: "Next page" }).click();
    return visitor;
  },
  "a reload": async (visitor) => {
    await visitor.reload();
    return visitor;
  },
  "Back, after a page without a chat": async (visitor) => {
    await visitor.visit("/plain");
    await visitor.page.goBack();
    return visitor;
  },
  "closing the tab, which is restored": async (visitor, site) => {
    // A browser restores the last state that it has saved.
    const held = await visitor.sessionStorage();
    const context = visitor.page.context();
    await visitor.page.close();
    const restored = await Visitor.at(await context.newPage());
    await restored.visit(`${site.origin}/plain`);
    await restored.page.evaluate((held) => Object.assign(sessionStorage, held), held);
    await restored.visit(site.origin);
    return restored;
  },
  "taking the element out and putting it back": async (visitor) => {
    await visitor.page.evaluate(async () => {
      const element = document.querySelector("matrix-support-chat");
      element?.removeAttribute("open");
      element?.remove();
      await new Promise((resolve) => setTimeout(resolve));
      if (element) document.body.append(element);
    });
    return visitor;
  },
  "another element in its place": async (visitor) => {
    await visitor.page.evaluate(() => {
      const element = document.querySelector("matrix-support-chat");
      const other = element?.cloneNode() as HTMLElement;
      other.removeAttribute("open");
      element?.replaceWith(other);
    });
    return visitor;
  },
  "another body, as Turbo does": async (visitor) => {
    await visitor.page.evaluate(() => {
      const body = document.body.cloneNode(true) as HTMLElement;
      body.querySelector("matrix-support-chat")?.removeAttribute("open");
      document.body.replaceWith(body);
      history.pushState(null, "", "/swapped");
    });
    return visitor;
  },
};

/** What the tab stores that was not accepted yet. */
export function unsent(page: Page): Promise<{ draft: string; outgoing: { body: string }[] }> {
  return page.evaluate((key) => {
    const kept = sessionStorage.getItem(key);
    return kept === null ? { draft: "", outgoing: [] } : JSON.parse(kept);
  }, DRAFT_KEY);
}

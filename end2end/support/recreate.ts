import type { Page } from "@playwright/test";

/** Sets an attribute that the launcher reads only when it is created, and has it created again. */
export async function recreate(page: Page, attribute: string, value: string): Promise<void> {
  await page.evaluate(
    ([attribute, value]) => {
      const chat = document.querySelector("matrix-support-chat") as HTMLElement & { enabled: boolean };
      chat.setAttribute(attribute!, value!);
      chat.enabled = false;
      chat.enabled = true;
    },
    [attribute, value],
  );
}

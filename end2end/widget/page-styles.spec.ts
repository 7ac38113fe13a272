import type { Page } from "@playwright/test";

import { animationsEnd } from "../support/animations.ts";
import { expect, test } from "./fixtures.ts";

/** Styles that other sites apply to every element. */
const STYLES: Record<string, string> = {
  "a reset of everything": "* { all: unset }",
  "no margins": "* { margin: 0; padding: 0 }",
  "a page that sizes by rem": "html { font-size: 62.5% } body { font-size: 1.6rem }",
  "every property that is inherited, and places": `
    * { position: relative; margin: 0; text-transform: uppercase; letter-spacing: 2px; direction: rtl; z-index: 1;
      text-align: right; line-height: 3; color: red; font: italic 700 30px serif; word-spacing: 1em; cursor: help;
      visibility: hidden; white-space: nowrap; list-style: square inside; text-indent: 2em; user-select: none }`,
  "boxes that hold what is fixed": `
    body > * { transform: translateX(40px); filter: blur(1px); opacity: .3; contain: strict; will-change: transform;
      display: grid; overflow: hidden; width: 50px; height: 50px; margin-top: 3rem; padding: 2rem; border: 5px solid }
    body { display: flex; flex-direction: column; gap: 2rem }`,
  "names of our own": ":root, * { --accent: lime; --surface: lime; --text: lime; --muted: lime; --bubble: lime }",
  "Tailwind's preflight": `
    *, ::after, ::before, ::backdrop { box-sizing: border-box; margin: 0; padding: 0; border: 0 solid; }
    html { line-height: 1.5; -webkit-text-size-adjust: 100%; tab-size: 4; font-family: ui-sans-serif, serif; }
    h1, h2 { font-size: inherit; font-weight: inherit } a { color: inherit; text-decoration: inherit }
    b, strong { font-weight: bolder } button, input, textarea { font: inherit; letter-spacing: inherit; color: inherit;
      border-radius: 0; background-color: transparent; opacity: 1 } ::placeholder { opacity: 1 }
    img, svg, video { display: block; vertical-align: middle } [hidden] { display: none !important }`,
  "normalize.css": `
    html { line-height: 1.15; -webkit-text-size-adjust: 100% } body { margin: 0 } h1 { font-size: 2em; margin: .67em 0 }
    button, input, textarea { font-family: inherit; font-size: 100%; line-height: 1.15; margin: 0 }
    button { overflow: visible; text-transform: none; -webkit-appearance: button } textarea { overflow: auto }`,
  "a theme's reset": `
    html, body, div, span, h1, p, a, b, button, dialog { margin: 0; padding: 0; border: 0; font: inherit;
      vertical-align: baseline }
    body { line-height: 1; font-family: Georgia, serif; color: #333 } body > * + * { margin-top: 24px }
    body * { text-transform: lowercase } button { background: #c00; color: #fff; border-radius: 0; width: 100% }
    p { margin-bottom: 1.5em } dialog { inset: 0; margin: auto } textarea { min-height: 300px }`,
};

test("outside of a body that is moved, the chat is where it belongs", async ({ visitor }) => {
  const { page } = visitor;
  await page.emulateMedia({ reducedMotion: "reduce" });
  await visitor.visit();
  await visitor.openChat();
  const places = async (): Promise<unknown[]> => [await visitor.launcher.boundingBox(), await visitor.panel.boundingBox()];
  await page.evaluate(animationsEnd);
  const own = await places();
  for (const style of ["transform: translateX(-40px)", "filter: blur(0)", "will-change: transform", "contain: paint"]) {
    await page.evaluate((style) => {
      document.body.style.cssText = `${style}; height: 100px; margin: 50px`;
      const element = document.querySelector("matrix-support-chat");
      if (element) document.documentElement.append(element);
    }, style);
    await page.evaluate(animationsEnd);
    expect(await places(), style).toEqual(own);
  }
});

/** The position and style of each visible element of the chat. */
function looks(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const root = document.querySelector("matrix-support-chat")?.shadowRoot;
    return [...(root?.querySelectorAll("*") ?? [])]
      .filter((it) => it.getClientRects().length > 0)
      .map((it) => {
        const { x, y, width, height } = it.getBoundingClientRect();
        const style = getComputedStyle(it);
        // The launcher has no text whose direction could matter, and the panel sets its own.
        const isText = it.closest("dialog") !== null;
        const values = [...style].filter(
          (name) =>
            !name.startsWith("--") &&
            !/origin|perspective/.test(name) &&
            (isText || !/^direction|inset-inline/.test(name)),
        );
        const said = values.map((name) => `${name}: ${style.getPropertyValue(name)}`).join("; ");
        const place = [x, y, width, height].map(Math.round).join(" ");
        return `${it.localName}.${it.getAttribute("class") ?? ""} at ${place}: ${said}`;
      });
  });
}

for (const [name, stylesheet] of Object.entries(STYLES)) {
  test(`the page's styles do not reach the chat: ${name}`, async ({ visitor, host, api }) => {
    const { page } = visitor;
    await page.emulateMedia({ reducedMotion: "reduce" });
    const states: string[][] = [];
    for (const styles of ["", stylesheet]) {
      host.is({ lang: "en", stylesheet: styles });
      await page.setViewportSize({ width: 1280, height: 800 });
      await visitor.visit();
      await expect(visitor.launcher).toBeVisible();
      states.push(await looks(page));
      await visitor.openChat();
      await visitor.say("Hello, see https://example.com/");
      const reply = api.reply("Hi!");
      await visitor.reads("Hi!");
      expect(reply.id).toBe("m2");
      await expect(visitor.transcript).toContainText("Delivered");
      await visitor.composer.blur();
      states.push(await looks(page));
      await page.evaluate(() => sessionStorage.clear());
      await page.setViewportSize({ width: 360, height: 640 });
      await expect(visitor.panel).toHaveAttribute("aria-modal", "true");
      await visitor.composer.blur();
      states.push(await looks(page));
    }
    const [closed, open, sheet, closedStyled, openStyled, sheetStyled] = states;
    expect(closed?.length).toBeGreaterThan(1);
    expect(open?.length).toBeGreaterThan(20);
    expect(closedStyled).toEqual(closed);
    expect(openStyled).toEqual(open);
    expect(sheetStyled).toEqual(sheet);
  });
}

test("what the page says of the chat's parts and custom properties does reach it", async ({
  visitor,
  host,
}) => {
  host.is({
    lang: "en",
    stylesheet: `
      body { --msc-accent: rgb(0, 100, 0); --msc-offset: 60px }
      matrix-support-chat::part(launcher) { border-radius: 7px }`,
  });
  await visitor.visit();
  await expect(visitor.launcher).toHaveCSS("background-color", "rgb(0, 100, 0)");
  await expect(visitor.launcher).toHaveCSS("border-radius", "7px");
  const box = await visitor.launcher.boundingBox();
  expect(1280 - (box?.x ?? 0) - (box?.width ?? 0)).toBe(60);
});

test("sizes follow the browser's own font size, and not the page's", async ({ visitor, host }) => {
  host.is({ lang: "en", stylesheet: "html { font-size: 10px }" });
  const { page } = visitor;
  await visitor.visit();
  await visitor.openChat();
  await expect(visitor.composer).toHaveCSS("font-size", /^16/);
  const width = (await visitor.panel.boundingBox())?.width ?? 0;
  const session = await page.context().newCDPSession(page);
  await session.send("Page.setFontSizes", { fontSizes: { standard: 20 } });
  await visitor.reload();
  await visitor.openChat();
  await expect(visitor.composer).toHaveCSS("font-size", /^20/);
  expect((await visitor.panel.boundingBox())?.width).toBeGreaterThan(width * 1.2);
});

test("on the left, launcher, panel and what went wrong are there", async ({ visitor, host }) => {
  host.is({ lang: "en", attributes: 'position="left"' });
  const { page } = visitor;
  await page.emulateMedia({ reducedMotion: "reduce" });
  await visitor.visit();
  expect((await visitor.launcher.boundingBox())?.x).toBe(20);
  await visitor.openChat();
  expect((await visitor.panel.boundingBox())?.x).toBe(20);
  await visitor.closePanel();
  await page.route("**/widget/chunks/**", (route) => route.abort());
  await visitor.reload();
  await visitor.launcher.click();
  const alert = page.getByRole("alert");
  await expect(alert).toBeInViewport({ ratio: 1 });
  expect((await alert.boundingBox())?.x).toBe(20);
});

test("an element that is hidden is", async ({ visitor, host }) => {
  host.is({ lang: "en", attributes: "hidden", stylesheet: "matrix-support-chat { display: block }" });
  await visitor.visit();
  await expect(visitor.page.locator("matrix-support-chat")).toHaveCSS("display", "none");
  await expect(visitor.launcher).toBeHidden();
  await visitor.page.locator("matrix-support-chat").evaluate((it) => it.removeAttribute("hidden"));
  await expect(visitor.launcher).toBeVisible();
});

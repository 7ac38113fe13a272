import type { Locator } from "@playwright/test";

/** A rectangle on the screen. */
export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Screen sizes from small phones to desktops. */
export const SCREENS = [
  { width: 320, height: 568 },
  { width: 360, height: 640 },
  { width: 390, height: 844 },
  { width: 768, height: 1024 },
  { width: 1280, height: 800 },
];

/** The rectangle of an element. */
export async function boxOf(locator: Locator): Promise<Box> {
  const box = await locator.boundingBox();
  if (!box) throw new Error(`${locator} is not on the page`);
  return box;
}

/** The rectangles of the words, pictures and controls in an element, without its empty space. */
export async function contentsOf(locator: Locator): Promise<Box[]> {
  return locator.evaluate((element) => {
    const rectangles: DOMRect[] = [];
    const texts = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      if (!texts.currentNode.nodeValue?.trim()) continue;
      const range = document.createRange();
      range.selectNodeContents(texts.currentNode);
      rectangles.push(...range.getClientRects());
    }
    for (const item of element.querySelectorAll("a, button, img, svg")) {
      rectangles.push(...item.getClientRects());
    }
    return rectangles
      .filter(({ width, height }) => width > 0 && height > 0)
      .map(({ x, y, width, height }) => ({ x, y, width, height }));
  });
}

/** Whether two rectangles overlap. */
export function overlap(one: Box, other: Box): boolean {
  return (
    one.x < other.x + other.width &&
    other.x < one.x + one.width &&
    one.y < other.y + other.height &&
    other.y < one.y + one.height
  );
}

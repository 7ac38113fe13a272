import { mkdir, writeFile } from "node:fs/promises";

import UPNG from "upng-js";

/**
 * Writes a picture into `docs/widget` with a reduced palette, which makes it a third of the size
 * without a visible difference.
 */
export async function write(name: string, png: Buffer): Promise<void> {
  const { width, height, ...image } = UPNG.decode(new Uint8Array(png).buffer);
  const rgba = UPNG.toRGBA8({ width, height, ...image });
  const path = `../docs/widget/${name}.png`;
  await mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  await writeFile(path, Buffer.from(UPNG.encode(rgba, width, height, 64)));
}

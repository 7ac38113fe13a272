// Packs the built widget and its companions for front-end developers as an npm package: `pack.js
// VERSION LICENSE`. It prints the tarball's name.
import { execFileSync } from "node:child_process";
import { cpSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { argv, stdout } from "node:process";

import texts from "../locales/en.js";
import later from "../locales/later-en.js";
import { LOADER, read, spellOut, writeIntegrity } from "./chunks.js";
import { typesOf } from "./types.js";

const [, , version, license] = argv;
const widget = join(import.meta.dirname, "..");
const dist = join(widget, "../dist");
const folder = join(dist, "npm");
const copy = (from, to, filter) => cpSync(from, join(folder, to), { recursive: true, filter });

rmSync(folder, { recursive: true, force: true });
copy(join(widget, "package"), "");
// The compressed copies stay behind: whoever serves the site compresses.
copy(join(dist, "widget"), "widget", (path) => !/\.br$|integrity/.test(path));
const launcher = join(folder, "widget", LOADER);
writeFileSync(launcher, spellOut(read(launcher)));
writeIntegrity(join(folder, "widget"));
const all = { ...texts, ...later };
writeFileSync(join(folder, "texts.js"), `export default ${JSON.stringify(all, null, 2)};\n`);
copy(join(widget, "../LICENSE"), "LICENSE");
writeFileSync(join(folder, "texts.d.ts"), typesOf(all));
const manifest = join(folder, "package.json");
writeFileSync(manifest, `${JSON.stringify({ ...JSON.parse(read(manifest)), version, license }, null, 2)}\n`);
stdout.write(
  execFileSync("npm", ["pack", "--ignore-scripts", "--silent", "--pack-destination", dist], { cwd: folder }),
);

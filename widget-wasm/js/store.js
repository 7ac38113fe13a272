const NAME = "matrix-support-chat";

/**
 * What the tab stores for one API. The first API of a tab uses the plain names; any other appends
 * its address, and each object says which API it belongs to. If the browser forbids storage or has
 * no room left, nothing is stored.
 */
export class Store {
  #api;
  /** The value that was last seen under each name. */
  #seen = {};

  constructor(api) {
    this.#api = api;
  }

  load(name) {
    try {
      const key = this.#key(name);
      return JSON.parse((this.#seen[key] = sessionStorage[key] ?? null));
    } catch {
      return null;
    }
  }

  keep(name, json) {
    try {
      const key = this.#key(name);
      const first = NAME + name;
      if (json) sessionStorage[key] = JSON.stringify({ ...JSON.parse(json), api: this.#api });
      else sessionStorage.removeItem(key);
      // The launcher looks under the plain name only.
      const others = Object.keys(sessionStorage).some((it) => it.startsWith(`${first} `));
      if (others) sessionStorage[first] ??= "{}";
      else if (sessionStorage[first] === "{}") sessionStorage.removeItem(first);
      this.#seen[key] = sessionStorage[key] ?? null;
    } catch {
      // Nothing is stored, as described above.
    }
  }

  /** Whether another page of the tab has changed anything. */
  isStale() {
    return Object.entries(this.#seen).some(([key, json]) => (sessionStorage[key] ?? null) !== json);
  }

  #key(name) {
    const first = NAME + name;
    const other = `${first} ${this.#api}`;
    const taken = JSON.parse(sessionStorage[first] ?? null)?.api ?? this.#api;
    return other in sessionStorage || taken !== this.#api ? other : first;
  }
}

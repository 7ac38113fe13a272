const NAME = "matrix-support-chat";

/**
 * What the tab keeps for one API. The first API of a tab has the names as they are, any other its address behind them, and
 * each object says whose it is. A browser may forbid storage, or have no room left: then it ends with the page.
 */
export class Store {
  #api;
  /** What this last saw under each name. */
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
      // The launcher looks under the first name only.
      const others = Object.keys(sessionStorage).some((it) => it.startsWith(`${first} `));
      if (others) sessionStorage[first] ??= "{}";
      else if (sessionStorage[first] === "{}") sessionStorage.removeItem(first);
      this.#seen[key] = sessionStorage[key] ?? null;
    } catch {
      // As above.
    }
  }

  /** Another page of the tab has changed it. */
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

// What the panel offers beside the conversation: when staff are available, suggested questions,
// replies by mail, saving the conversation, and a rating. It is loaded after the panel was opened,
// and each part when it is first used.
import css from "./offers.css";
import { fill, whenBack } from "./hours.js";
import { make, say } from "./nodes.js";

const BASE = "/v1/support-chat";
/** A request without an answer after this time counts as failed. */
const TIMEOUT_MS = 20_000;
/** How often the hours are requested while the panel is open. */
const ASK_EVERY_MS = 300_000;
/**
 * The minimum time between two requests for the hours. They come this often when the panel is
 * opened again, or when staff should be back by now.
 */
const FRESH_MS = 60_000;
/** A visitor who has waited this long for an answer is offered replies by mail. */
const PATIENCE_MS = 120_000;

/**
 * The names under which the tab stores that the visitor has decided about mails, and has rated the
 * conversation. The address itself is not stored.
 */
const ANSWERED = "-email";
const RATED = "-rated";
/** Under which name it keeps the conversation that the visitor has ended, and for how long that is of use. */
const PAST = "-ended";
const PAST_MS = 86_400_000;

const sheet = new CSSStyleSheet();
sheet.replaceSync(css);

/** Adds the offers to a chat whose panel was opened, until the chat ends. */
export class Offers {
  /** Undefined until the texts are loaded. Until then nothing is offered. */
  #texts;
  #language;
  #stop = new AbortController();
  #observer = new MutationObserver(() => this.refresh());
  #timer;
  /** Keeps the newest line in sight when what is offered takes room from the log. */
  #resizes =
    window.ResizeObserver &&
    new ResizeObserver(() => {
      this.#height = this.log.clientHeight;
      if (this.#isAtEnd) this.log.scrollTop = this.log.scrollHeight;
    });
  #height;
  #isAtEnd = true;
  /** When the hours are requested next. */
  #due = 0;
  #asked = -FRESH_MS;
  #isAsking = false;
  #availability = {};
  /**
   * The conversation on the screen. The tab forgets its token when the visitor ends it, so it is
   * remembered here.
   */
  #session;
  /** Whether an earlier page had it on the screen, and the visitor has ended it there. */
  isPast = false;
  /** Whether the visitor is asked if they want it deleted. */
  isErasing = false;
  /** The page that the first message was sent from. */
  #sentFrom;
  /** A copy of what `keep` stored, because a browser may forbid storage. */
  #kept = {};
  /** The parts that were used, by name. */
  #parts = {};

  constructor(host, root) {
    this.host = host;
    this.root = root;
    root.adoptedStyleSheets.push(sheet);
    const find = (selector) => root.querySelector(selector);
    this.panel = find(".panel");
    this.composer = find("textarea").parentNode;
    this.ended = find(".ended");
    this.log = find(".log");
    this.hello = find(".hello");
    this.hours = make(this.panel, "p", { className: "hours", role: "status" });
    find(".header").after(this.hours);
    this.saver = make(find(".header"), "button", { className: "save", type: "button" });
    find(".close").before(this.saver);
    this.saver.onclick = () => this.#save();
    this.keeper = make(this.ended, "button", { className: "keep", type: "button" });
    this.keeper.onclick = this.saver.onclick;
    this.past = make(this.panel, "div", { className: "past", role: "group", hidden: true });
    make(this.past, "p");
    this.composer.before(this.past);
    this.eraser = make(this.ended, "button", { className: "erase", type: "button" });
    this.eraser.onclick = () => {
      this.isErasing = true;
      this.refresh();
    };
    this.unsaved = make(this.panel, "p", { className: "unsaved", role: "alert" });
    this.composer.before(this.unsaved);
    // Announces what sighted visitors see elsewhere.
    this.spoken = make(this.panel, "span", { className: "spoken", role: "status" });

    const { signal } = this.#stop;
    const refresh = () => this.refresh();
    for (const name of ["opened", "closed", "resume"]) root.addEventListener(name, refresh, { signal });
    root.addEventListener("translate", () => this.#translate(), { signal });
    root.addEventListener("destroy", () => this.#end(), { signal });
    document.addEventListener("visibilitychange", refresh, { signal });
    const scrolled = () => {
      const { scrollHeight, scrollTop, clientHeight } = this.log;
      // A scroll event from before the log changed its height does not tell where it is now.
      if (clientHeight === this.#height) this.#isAtEnd = scrollHeight - scrollTop - clientHeight < 48;
    };
    this.log.addEventListener("scroll", scrolled, { signal });
    this.#resizes?.observe(this.log);
    host.element.addEventListener("support-chat-opened", () => this.#opened(), { signal });
    host.element.addEventListener("support-chat-session-started", (event) => this.#begun(event), { signal });
    this.#opened();
    this.#translate();
  }

  // The parts get these as properties, because anything that two of them imported would become a
  // separate chunk.
  make = make;
  say = say;
  fill = fill;

  /** Returns one of the texts. */
  text = (key) => this.host.text(key) ?? this.#texts?.[key] ?? "";

  /** The id and the token of the conversation that is or was on the screen. */
  get session() {
    return this.#session;
  }

  get hasEnded() {
    return this.host.hasEnded;
  }

  /** Returns what the tab stores about this conversation under a name. */
  kept(name) {
    const of = this.#session?.sessionId;
    return [this.#kept[name], this.host.load(name)].find((it) => it && it.of === of)?.is;
  }

  keep(name, is) {
    const it = (this.#kept[name] = { of: this.#session?.sessionId, is });
    // Of a conversation that the tab has forgotten, it keeps nothing.
    if (this.host.load("") ?? this.host.load(PAST)) this.host.keep(name, JSON.stringify(it));
  }

  /** Sends a request about the conversation. */
  async request(method, operation, body, key) {
    const { sessionId, token } = this.#session;
    const headers = { authorization: `Bearer ${token}` };
    if (key) headers["idempotency-key"] = key;
    if (body) headers["content-type"] = "application/json";
    const path = [encodeURIComponent(sessionId), operation].filter(Boolean).join("/");
    return fetch(`${this.host.apiUrl}${BASE}/sessions/${path}`, {
      method,
      headers,
      body: body && JSON.stringify(body),
      // The visitor's actions continue when the page is left.
      keepalive: method !== "GET",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  }

  /**
   * Changes something at the server. Returns nothing on success, and the code of the failure
   * otherwise.
   */
  async change(method, operation, body, key) {
    try {
      const response = await this.request(method, operation, body, key);
      if (response.status === 204) return undefined;
      const { code } = await response.json();
      return code ?? "unknown";
    } catch {
      return "unreachable";
    }
  }

  async #translate() {
    const { language } = this.host;
    this.#language = language;
    const later = await import("./later.js").catch(() => {});
    const texts = (await later?.textsIn(language)) ?? this.#texts;
    // The chat may have ended or changed its language again meanwhile.
    if (this.#stop.signal.aborted || language !== this.#language) return;
    this.#texts = texts;
    for (const part of Object.values(this.#parts)) part.translate?.();
    this.refresh();
  }

  #opened() {
    this.#due = Math.min(this.#due, this.#asked + FRESH_MS);
    this.refresh();
  }

  #begun({ detail }) {
    this.refresh();
    const from = this.#sentFrom;
    import("./page.js").then((it) => it.know(detail.sessionId, from)).catch(() => {});
  }

  #end() {
    this.#stop.abort();
    this.#observer.disconnect();
    this.#resizes?.disconnect();
    clearTimeout(this.#timer);
  }

  /** Shows what is true now. Only what differs from what is shown is touched. */
  refresh() {
    try {
      this.#update();
    } catch {
      // If the page has broken the browser's own properties, the visitor loses the offers but not
      // the chat.
    }
  }

  #update() {
    if (this.#stop.signal.aborted) return;
    const now = new Date();
    const { host } = this;
    this.#look(host.load(""));
    this.#sentFrom = host.load("-draft")?.outgoing?.[0]?.page?.url ?? this.#sentFrom;

    const isWatched = host.isOpen && document.visibilityState === "visible";
    if (isWatched && now >= this.#due) this.#ask();
    say(this.hours, this.#whenThere(now));

    const hasWords = this.#texts !== undefined;
    const canSave = hasWords && this.#session !== undefined;
    const isOver = host.hasEnded || this.isPast;
    for (const button of [this.saver, this.keeper]) {
      button.hidden = !canSave || isOver !== (button === this.keeper);
    }
    this.past.hidden = !canSave || !this.isPast;
    say(this.past.firstChild, this.text("past"));
    this.past.setAttribute("aria-label", this.text("past"));
    const place = this.isPast ? this.past : this.ended;
    if (this.keeper.parentNode !== place) place.append(this.keeper, this.eraser);
    this.isErasing &&= canSave && isOver;
    this.eraser.hidden = !canSave || !isOver || this.isErasing;
    say(this.eraser, this.text("erase"));
    this.#show("erase", this.isErasing);
    this.saver.title = this.text("save");
    this.saver.setAttribute("aria-label", this.saver.title);
    say(this.keeper, this.text("save"));
    if (!canSave) say(this.unsaved, "");

    const patienceEnds = this.#waitsSince() + PATIENCE_MS;
    const { mail, rating, open } = this.#availability;
    const isLive = canSave && !isOver;
    const answered = this.kept(ANSWERED);
    const isTime = answered === "saved" || open === false || now >= patienceEnds;
    const isAsked = isLive && answered !== "no" && isTime;
    this.#show("email", mail === true && (isAsked || (canSave && isOver && answered === "saved")));
    this.#show("rating", canSave && isOver && rating === true);
    const isNew = hasWords && (!this.#session || this.isPast) && !this.hello.hidden;
    this.#show("suggestions", isNew && Array.isArray(this.#suggestions));
    this.#show("resume", host.isOpen && host.load("-resume") !== null);
    if (this.#session && !isOver) this.#follow();

    clearTimeout(this.#timer);
    if (isWatched) {
      const next = [this.#isAsking ? NaN : this.#due, mail && isLive ? patienceEnds : NaN];
      const at = Math.min(...next.filter((it) => it > now));
      if (at < Infinity) this.#timer = setTimeout(() => this.refresh(), at - now);
    }
    // The observer must not react to the changes that were just made.
    this.#observer.disconnect();
    this.#observer.observe(this.panel, { subtree: true, attributeFilter: ["hidden"] });
    this.#observer.observe(this.log, { childList: true, subtree: true, attributeFilter: ["datetime"] });
  }

  /** Which conversation this is about, where the tab has this one; has the tab keep one that the visitor has ended. */
  #look(stored) {
    const { host } = this;
    // Where another API of the page has one, the first name holds an empty object.
    if (stored?.sessionId) {
      this.#session = { sessionId: stored.sessionId, token: stored.token };
      this.isPast = false;
      this.#drop(PAST);
    } else if (host.hasEnded) {
      if (!this.#session || host.load(PAST)?.sessionId) return;
      host.keep(PAST, JSON.stringify({ ...this.#session, at: Date.now() }));
    } else {
      // A visitor who has begun another conversation on this page no longer needs the last one.
      if (this.#session && !this.isPast) this.#drop(PAST);
      const past = host.load(PAST);
      this.isPast = Date.now() - past?.at < PAST_MS;
      this.#session = this.isPast ? { sessionId: past.sessionId, token: past.token } : undefined;
      if (this.isPast) return;
      for (const name of [PAST, ANSWERED, RATED]) this.#drop(name);
    }
  }

  #drop(name) {
    if (this.host.load(name)) this.host.keep(name, "");
  }

  get #suggestions() {
    try {
      return this.host.element.suggestions;
    } catch {
      return undefined;
    }
  }

  /** Since when the visitor has been waiting for an answer; `Infinity` if they are not. */
  #waitsSince() {
    let since = Infinity;
    for (const line of [...this.log.children].reverse()) {
      if (!line.classList.contains("own")) break;
      const at = Date.parse(line.querySelector("time").dateTime);
      if (at) since = at;
    }
    return since;
  }

  /**
   * The text about the hours. While staff are away it is shown wherever one can write; while they
   * are there, only before the first message.
   */
  #whenThere(now) {
    const { open, opensAt } = this.#availability;
    const { host, text } = this;
    if (open === undefined || !this.#texts || host.hasEnded) return "";
    if (open) return this.hello.hidden ? "" : text("here");
    return `${whenBack(opensAt, now, host.locale, text)} ${text("away_kept")}`;
  }

  async #ask() {
    if (this.#isAsking) return;
    this.#isAsking = true;
    let answer = {};
    try {
      const signal = AbortSignal.timeout(TIMEOUT_MS);
      const response = await fetch(`${this.host.apiUrl}${BASE}/availability`, { signal });
      const json = await response.json();
      if (response.ok && typeof json.open === "boolean") answer = json;
    } catch {
      // The hours stay unknown, so nothing is said about them.
    }
    this.#isAsking = false;
    this.#asked = Date.now();
    const opensIn = Date.parse(answer.opensAt) - this.#asked;
    // If `opensAt` is missing, the sum is `NaN`; if it has passed, the sum is less than the
    // minimum.
    const wait = answer.open === false ? Math.max(FRESH_MS, opensIn + 1_000 || ASK_EVERY_MS) : ASK_EVERY_MS;
    this.#due = this.#asked + Math.min(wait, ASK_EVERY_MS);
    this.#availability = answer;
    this.refresh();
  }

  /** Shows or hides a part, which is loaded the first time. */
  #show(name, isWanted) {
    const part = this.#parts[name];
    if (part) part.show?.(isWanted);
    else if (isWanted) {
      this.#parts[name] = {};
      PARTS[name]()
        .then((it) => {
          if (this.#stop.signal.aborted) return;
          this.#parts[name] = new it.Part(this);
          this.refresh();
        })
        .catch(() => {});
    }
  }

  /** Tells staff which page the visitor is on. */
  #follow() {
    if (this.#parts.page) return;
    this.#parts.page = {};
    const session = () => {
      if (this.#stop.signal.aborted) return null;
      return this.host.hasEnded ? undefined : (this.host.load("") ?? undefined);
    };
    import("./page.js").then((it) => it.follow(this.host.apiUrl, session)).catch(() => {});
  }

  async #save() {
    say(this.unsaved, "");
    const it = await import("./save.js").catch(() => {});
    const isSaved = await it?.save(this).catch(() => false);
    if (!isSaved) say(this.unsaved, this.text("save_failed"));
  }
}

const PARTS = {
  email: () => import("./email.js"),
  rating: () => import("./rating.js"),
  suggestions: () => import("./suggestions.js"),
  erase: () => import("./erase.js"),
  resume: () => import("./resume.js"),
};

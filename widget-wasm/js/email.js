// Asks for the address to which replies are mailed when the visitor leaves.

/** The name under which the tab keeps the visitor's answer. The address itself is not kept. */
const ANSWERED = "-email";

export class Part {
  #offers;
  #box;
  #isShown;
  #address;
  #wasAsked = false;

  constructor(offers) {
    this.#offers = offers;
    this.#box = offers.make(offers.panel, "div", { className: "offer", hidden: true });
    offers.composer.before(this.#box);
  }

  show(isWanted) {
    const answer = this.#offers.kept(ANSWERED);
    // Once visitors have given an address, they see where replies go even while somebody is there.
    const { session, hasEnded, isPast } = this.#offers;
    const live = answer ?? (isWanted || this.#isShown === "ask" ? "ask" : undefined);
    // What is over has no replies, and can still be mailed.
    const over = answer === "saved" ? "over" : undefined;
    const shown = session && (hasEnded || isPast ? over : live);
    if (shown === this.#isShown) return;
    this.#isShown = shown;
    this.#draw();
  }

  translate() {
    this.#draw();
  }

  #draw() {
    const box = this.#box;
    const typed = box.querySelector("input")?.value;
    const hadFocus = box.contains(this.#offers.root.activeElement);
    box.replaceChildren();
    box.hidden = !["ask", "saved", "over"].includes(this.#isShown);
    if (this.#isShown === "ask") this.#ask(typed);
    if (this.#isShown === "saved") this.#confirm();
    if (this.#isShown === "over") this.#offerCopy();
    if (hadFocus) (box.querySelector("input") ?? this.#offers.composer.firstChild).focus();
  }

  #ask(typed) {
    const { text, host, spoken, make, say } = this.#offers;
    const form = make(this.#box, "form", { noValidate: true });
    make(form, "label", { textContent: text("mail_ask"), htmlFor: "email" });
    const input = make(form, "input", {
      id: "email",
      type: "email",
      autocomplete: "email",
      maxLength: 254,
      dir: "ltr",
      value: typed ?? host.visitorEmail,
      "aria-describedby": "email-error",
    });
    const save = make(form, "button", { className: "do", textContent: text("mail_save") });
    const skip = make(form, "button", { type: "button", textContent: text("mail_skip") });
    const error = make(form, "p", { className: "error", id: "email-error" });
    const complain = (key) => {
      say(error, text(key));
      say(spoken, text(key));
      input.setAttribute("aria-invalid", key === "mail_invalid");
      input.focus();
    };
    form.onsubmit = async (event) => {
      event.preventDefault();
      const email = input.value.trim();
      if (email === "" || !input.checkValidity()) return complain("mail_invalid");
      say(error, "");
      say(spoken, "");
      save.disabled = true;
      const failure = await this.#offers.change("PUT", "email", { email });
      save.disabled = false;
      if (failure) return complain(failure === "invalid_field" ? "mail_invalid" : "not_saved");
      this.#address = email;
      this.#answer("saved", this.#saved());
    };
    skip.onclick = () => this.#answer("no", "");
    if (!this.#wasAsked) say(spoken, text("mail_ask"));
    this.#wasAsked = true;
  }

  #saved() {
    const { text, fill } = this.#offers;
    return this.#address ? fill(text("mail_saved"), { email: this.#address }) : text("mail_saved_before");
  }

  #confirm() {
    const { text, spoken, make, say } = this.#offers;
    make(this.#box, "p", { textContent: this.#saved() });
    const remove = make(this.#box, "button", { type: "button", textContent: text("mail_remove") });
    const error = make(this.#box, "p", { className: "error" });
    remove.onclick = async () => {
      remove.disabled = true;
      const failure = await this.#offers.change("DELETE", "email");
      remove.disabled = false;
      if (!failure) return this.#answer("no", text("mail_removed"));
      say(error, text("not_saved"));
      say(spoken, text("not_saved"));
      remove.focus();
    };
    this.#offerCopy();
  }

  /** Offers to mail the conversation to the address. */
  #offerCopy() {
    const { text, spoken, make, say } = this.#offers;
    const copy = make(this.#box, "button", { type: "button", textContent: text("mail_copy") });
    const result = make(this.#box, "p", { tabIndex: -1 });
    // A repetition after a lost answer is the same request.
    const key = crypto.randomUUID?.() ?? String(Math.random());
    copy.onclick = async () => {
      copy.disabled = true;
      const { timeZone } = new Intl.DateTimeFormat().resolvedOptions();
      const operation = `transcript/mail?timeZone=${encodeURIComponent(timeZone)}`;
      const failure = await this.#offers.change("POST", operation, undefined, key);
      const words = text(failure ? "mail_copy_failed" : "mail_copy_sent");
      result.className = failure ? "error" : "";
      say(result, words);
      say(spoken, words);
      copy.disabled = false;
      copy.hidden = !failure;
      (failure ? copy : result).focus();
    };
  }

  /** Stores the visitor's decision, and moves the focus to the composer. */
  #answer(is, words) {
    this.#offers.keep(ANSWERED, is);
    this.#isShown = is;
    this.#draw();
    this.#offers.say(this.#offers.spoken, words);
    this.#offers.composer.firstChild.focus();
  }
}

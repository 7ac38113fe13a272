// The rating after the end of a conversation: one question with two answers, and a comment.

/** The name under which the tab stores that the visitor has rated the conversation. */
const RATED = "-rated";
/** The maximum length of the comment. */
const MAX_COMMENT_CHARS = 500;

export class Part {
  #offers;
  #box;
  #given;
  /** The conversation that is rated. */
  #of;

  constructor(offers) {
    this.#offers = offers;
    this.#box = offers.make(offers.panel, "div", { className: "rating", role: "group", hidden: true });
  }

  show(isWanted) {
    const { sessionId } = this.#offers.session ?? {};
    if (sessionId !== this.#of) {
      this.#of = sessionId;
      this.#given = undefined;
      this.#draw();
    }
    const { isPast, past, ended } = this.#offers;
    const place = isPast ? past : ended;
    if (this.#box.parentNode !== place) place.firstChild.after(this.#box);
    // What was given on an earlier page is not asked for again.
    this.#box.hidden = !isWanted || (!this.#given && this.#offers.kept(RATED) !== undefined);
  }

  translate() {
    this.#draw();
  }

  #draw() {
    const { text, make, say } = this.#offers;
    const box = this.#box;
    const comment = box.querySelector("input")?.value ?? "";
    box.replaceChildren();
    box.setAttribute("aria-label", text("rate_ask"));
    make(box, "p", { textContent: text("rate_ask") });
    const answers = make(box, "div", { className: "answers" });
    const buttons = ["good", "bad"].map((rating) => {
      const button = make(answers, "button", { type: "button", textContent: text(`rate_${rating}`) });
      button.setAttribute("aria-pressed", this.#given === rating);
      button.onclick = () => rate(rating);
      return button;
    });
    const form = make(box, "form", { hidden: !this.#given });
    make(form, "label", { textContent: text("rate_comment"), htmlFor: "comment" });
    const line = make(form, "input", { id: "comment", maxLength: MAX_COMMENT_CHARS, dir: "auto", value: comment });
    make(form, "button", { className: "do", textContent: text("rate_send") });
    const outcome = make(box, "p", { className: "outcome", role: "status" });

    const rate = async (rating, isComment) => {
      say(outcome, "");
      const own = line.value.trim();
      const failure = await this.#offers.change("PUT", "rating", { rating, ...(own && { comment: own }) });
      const thanks = isComment && own ? "rate_comment_sent" : "rate_thanks";
      say(outcome, text(failure ? "not_saved" : thanks));
      if (failure) return;
      this.#given = rating;
      this.#offers.keep(RATED, rating);
      ["good", "bad"].forEach((it, index) => buttons[index].setAttribute("aria-pressed", it === rating));
      // The focus does not go with the line.
      if (form.contains(box.getRootNode().activeElement)) buttons[rating === "good" ? 0 : 1].focus();
      form.hidden = isComment && own !== "";
    };
    form.onsubmit = (event) => {
      event.preventDefault();
      rate(this.#given, true);
    };
  }
}

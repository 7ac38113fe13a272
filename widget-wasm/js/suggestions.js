// Questions that the page suggests: buttons that write and send them.

/** More, or longer ones, would leave no room for anything else. */
const MOST = 6;
const MOST_CHARS = 200;

export class Part {
  #offers;
  #box;
  #shown;

  constructor(offers) {
    this.#offers = offers;
    this.#box = offers.make(offers.hello, "div", { className: "suggestions", role: "group" });
  }

  show(isWanted) {
    const questions = isWanted ? this.#questions() : [];
    const label = this.#offers.text("suggestions");
    const shown = JSON.stringify([label, questions]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#box.replaceChildren();
    this.#box.hidden = questions.length === 0;
    this.#box.setAttribute("aria-label", label);
    for (const question of questions) {
      const button = this.#offers.make(this.#box, "button", { type: "button", textContent: question, dir: "auto" });
      button.onclick = () => this.#send(question);
    }
  }

  /** The valid suggestions among those that the page gave. */
  #questions() {
    try {
      const texts = [...this.#offers.host.element.suggestions].filter((it) => typeof it === "string" && it.trim() && it.length <= MOST_CHARS);
      return texts.slice(0, MOST);
    } catch {
      return [];
    }
  }

  /**
   * Sends the question as if the visitor had typed it. If they have typed something already, the
   * question is appended to it and not sent.
   */
  #send(question) {
    const [field, send] = this.#offers.composer.children;
    const typed = field.value.trim();
    field.value = typed ? `${typed}\n${question}` : question;
    field.dispatchEvent(new Event("input", { bubbles: true, composed: true }));
    field.focus();
    if (!typed) send.click();
  }
}

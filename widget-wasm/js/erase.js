// The conversation is deleted, once the visitor has said that they are sure.

/** Everything that the tab keeps of a conversation. */
const KEPT = ["", "-read", "-ended", "-email", "-rated"];

export class Part {
  #offers;
  #box;
  #words;
  #keep;
  #erase;
  #failure;

  constructor(offers) {
    this.#offers = offers;
    const { make } = offers;
    this.#box = make(offers.panel, "div", { className: "offer erase-asked", role: "group", hidden: true });
    this.#words = make(this.#box, "p");
    this.#keep = make(this.#box, "button", { type: "button" });
    this.#erase = make(this.#box, "button", { type: "button" });
    this.#failure = make(this.#box, "p", { className: "error", role: "alert" });
    this.#keep.onclick = () => {
      offers.isErasing = false;
      offers.refresh();
      offers.eraser.focus();
    };
    this.#erase.onclick = () => this.#do();
    this.translate();
  }

  /** Asks beside the button that was pressed, which gives way. */
  show(isWanted) {
    const { eraser } = this.#offers;
    if (isWanted && eraser.nextSibling !== this.#box) eraser.after(this.#box);
    const isNew = isWanted && this.#box.hidden;
    this.#box.hidden = !isWanted;
    if (!isNew) return;
    this.#offers.say(this.#failure, "");
    // The answer that changes nothing.
    this.#keep.focus();
  }

  translate() {
    const { text, say } = this.#offers;
    say(this.#words, text("erase_sure"));
    this.#box.setAttribute("aria-label", text("erase_sure"));
    say(this.#keep, text("erase_keep"));
    say(this.#erase, text("erase_do"));
  }

  async #do() {
    const { host, root, text, say, spoken, composer } = this.#offers;
    say(this.#failure, "");
    this.#erase.disabled = true;
    const failure = await this.#offers.change("DELETE", "");
    this.#erase.disabled = false;
    // One that the server does not know is deleted already.
    if (failure && failure !== "session_not_found") return say(this.#failure, text("erase_failed"));
    this.#offers.isErasing = false;
    for (const name of KEPT) host.keep(name, "");
    // The panel is as it was before there was a conversation.
    root.dispatchEvent(new Event("resume"));
    say(spoken, text("erased"));
    composer.firstChild.focus();
  }
}

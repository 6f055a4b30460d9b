// Ignore keys that were meant for the previous text, and measure how long a text is visible.

// The approximate time that a person needs to notice a new text and stop pressing the next key.
const IGNORED_MILLISECONDS = 400;

/** Measures how long each text is shown while the page is visible. */
export class Watch {
  #task = null;
  #since = 0;

  constructor() {
    document.addEventListener("visibilitychange", () => (document.hidden ? this.#stop() : this.#start()));
  }

  /** Start measuring this task, or none if null. A task that an undo shows again keeps its previous time. */
  show(task) {
    this.#stop();
    this.#task = task;
    this.#start();
  }

  /** How long the current text was shown, in milliseconds. */
  get milliseconds() {
    this.#stop();
    this.#start();
    return Math.round(this.#task?.shownMilliseconds ?? 0);
  }

  #start() {
    this.#since = document.hidden ? null : performance.now();
  }

  #stop() {
    if (!this.#task || this.#since === null) return;
    this.#task.shownMilliseconds = (this.#task.shownMilliseconds ?? 0) + performance.now() - this.#since;
  }
}

/** Marks `form` with the class `is-new` for a moment after a new text appears. */
export class Settling {
  #form;
  #timer = null;

  constructor(form) {
    this.#form = form;
  }

  /** Start the moment after a new text. */
  begin() {
    clearTimeout(this.#timer);
    this.#form.classList.add("is-new");
    this.#timer = setTimeout(() => this.#form.classList.remove("is-new"), IGNORED_MILLISECONDS);
  }

  /** Whether a decision now would be too early to be about the shown text. */
  get active() {
    return this.#form.classList.contains("is-new");
  }
}

// The moments after a new text appears: keys that were meant for the text before it do nothing, and the time for which
// a text is in view is measured.

// A hand that already moves to the next key needs about this long to notice that the text has changed.
const IGNORED_MILLISECONDS = 400;

/** How long each text was in view: only while the page itself is visible. */
export class Watch {
  #task = null;
  #since = 0;

  constructor() {
    document.addEventListener("visibilitychange", () => (document.hidden ? this.#stop() : this.#start()));
  }

  /** This task is in view from now on; null: none is. One that comes back by an undo goes on from where it was. */
  show(task) {
    this.#stop();
    this.#task = task;
    this.#start();
  }

  /** For how many milliseconds the current text was in view. */
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

/** Whether a new text has just appeared in `form`, whose class `is-new` says so while it lasts. */
export class Settling {
  #form;
  #timer = null;

  constructor(form) {
    this.#form = form;
  }

  /** A new text appears now. */
  begin() {
    clearTimeout(this.#timer);
    this.#form.classList.add("is-new");
    this.#timer = setTimeout(() => this.#form.classList.remove("is-new"), IGNORED_MILLISECONDS);
  }

  /** Whether a decision would come too soon to be about the text in view. */
  get active() {
    return this.#form.classList.contains("is-new");
  }
}

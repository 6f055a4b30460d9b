// Sends decisions in the background, one after the other in the order in which they were made, and loses none: what the
// network or the server did not take is tried again until it is taken or refused.
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 30_000;
// Answers that say nothing against the decision itself: nobody answered, signed out, too many requests, server trouble.
const passing = (problem) => problem.status === 0 || [401, 408, 429].includes(problem.status) || problem.status >= 500;

export class Sender {
  #waiting = [];
  #sending = null;
  #pause = FIRST_PAUSE;
  #timer = null;
  #trouble = null;
  #onChange;

  /** `onChange` is called with this sender whenever something in it changed. */
  constructor(onChange) {
    this.#onChange = onChange;
  }

  /** How many are not known to be stored. */
  get unsent() {
    return this.#waiting.length + (this.#sending ? 1 : 0);
  }

  /** The Problem for which it waits before it tries again; null while all is well. */
  get trouble() {
    return this.#trouble;
  }

  /**
   * Send by calling `act`, an async function. Gives an order: its `answer` promises what `act` gave or why it was
   * refused, and `settled` says when that was known, on the page's clock; 0 until then.
   */
  send(act) {
    const order = { act, tried: false, settled: 0 };
    order.answer = new Promise((resolve, reject) => Object.assign(order, { resolve, reject }));
    order.answer.catch(() => {}); // Whoever asks for the answer hears of it; nobody has to.
    this.#waiting.push(order);
    this.#work();
    return order;
  }

  /** Take back an order that was not tried yet; false where it was, and may be stored. */
  cancel(order) {
    const place = this.#waiting.indexOf(order);
    if (place < 0 || order.tried) return false;
    this.#waiting.splice(place, 1);
    this.#onChange(this);
    return true;
  }

  /** Try again now. */
  retry() {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#work();
  }

  async #work() {
    if (this.#sending || this.#timer) return this.#onChange(this);
    while (this.#waiting.length) {
      this.#sending = this.#waiting.shift();
      this.#sending.tried = true;
      this.#onChange(this);
      try {
        const answer = await this.#sending.act();
        this.#sending.resolve(answer);
      } catch (problem) {
        if (passing(problem)) return this.#later(problem);
        this.#sending.reject(problem);
      }
      this.#sending.settled = performance.now();
      this.#sending = null;
      this.#trouble = null;
      this.#pause = FIRST_PAUSE;
    }
    this.#onChange(this);
  }

  #later(problem) {
    this.#waiting.unshift(this.#sending);
    this.#sending = null;
    this.#trouble = problem;
    this.#timer = setTimeout(() => this.retry(), this.#pause);
    this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE);
    this.#onChange(this);
  }
}

// Send decisions in the background, one at a time and in order. After network and server errors, retry until the server
// accepts or refuses the decision.
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 30_000;
// Errors that are not about the decision: no response, signed out, timeout, too many requests, server errors.
const isTransient = (problem) => problem.status === 0 || [401, 408, 429].includes(problem.status) || problem.status >= 500;

export class Sender {
  #waiting = [];
  #sending = null;
  #pause = FIRST_PAUSE;
  #timer = null;
  #trouble = null;
  #onChange;

  /** `onChange` is called with this sender after every change of its state. */
  constructor(onChange) {
    this.#onChange = onChange;
  }

  /** The number of decisions that are not known to be stored. */
  get unsent() {
    return this.#waiting.length + (this.#sending ? 1 : 0);
  }

  /** The Problem that delays the next attempt, or null. */
  get trouble() {
    return this.#trouble;
  }

  /**
   * Queue the async function `act` and return its job. The job's promise `answer` settles with the result of `act` or
   * the refusal; `settled` is the time of that on the page's clock, or 0 before.
   */
  send(act) {
    const job = { act, tried: false, settled: 0 };
    job.answer = new Promise((resolve, reject) => Object.assign(job, { resolve, reject }));
    job.answer.catch(() => {}); // Callers may ignore refusals.
    this.#waiting.push(job);
    this.#work();
    return job;
  }

  /** Cancel a job and return true, or return false if it was tried and may be stored. */
  cancel(job) {
    const index = this.#waiting.indexOf(job);
    if (index < 0 || job.tried) return false;
    this.#waiting.splice(index, 1);
    this.#onChange(this);
    return true;
  }

  /** Retry now. */
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
        if (isTransient(problem)) return this.#retryLater(problem);
        this.#sending.reject(problem);
      }
      this.#sending.settled = performance.now();
      this.#sending = null;
      this.#trouble = null;
      this.#pause = FIRST_PAUSE;
    }
    this.#onChange(this);
  }

  #retryLater(problem) {
    this.#waiting.unshift(this.#sending);
    this.#sending = null;
    this.#trouble = problem;
    this.#timer = setTimeout(() => this.retry(), this.#pause);
    this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE);
    this.#onChange(this);
  }
}

// The comments that a reviewer gets next: a few are fetched ahead, so that the next one is there at once. Each is held
// on the server, so that nobody else gets it; what is held is renewed while the page is open, and let go on leaving.
import { rest } from "./rest.js";
import { keyOf } from "./review-page.js";
import { inTurn, others, tell } from "./review-tabs.js";

// As many as a reviewer may work through while one answer is on its way.
const AHEAD = 4;
// As many as one request may name.
const NAMED_AT_MOST = 50;
const RENEW_EVERY = 120_000;
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 30_000;

const named = ({ platform, id }) => ({ platform, id });
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export class Queue {
  #wanted;
  #onAnswer;
  #onTrouble;
  #ahead = [];
  #held = new Map();
  #fetching = null;

  /**
   * `wanted` is the request's queue and filter; `onAnswer` gets each answer and when it was asked for, `onTrouble` a
   * Problem, and whether it is tried again, or null.
   */
  constructor(wanted, onAnswer, onTrouble) {
    this.#wanted = wanted;
    this.#onAnswer = onAnswer;
    this.#onTrouble = onTrouble;
    setInterval(() => this.#renew(), RENEW_EVERY);
    document.addEventListener("visibilitychange", () => document.hidden || this.#renew());
    window.addEventListener("pagehide", () => this.#releaseAll());
  }

  /** The next task, at once where one was fetched ahead; null when the queue is empty. */
  async next() {
    if (!this.#ahead.length) await this.#fetch();
    const task = this.#ahead.shift() ?? null;
    if (this.#ahead.length < AHEAD / 2) this.#fetch();
    return task;
  }

  /** Whether `next` answers at once. */
  get ready() {
    return this.#ahead.length > 0;
  }

  /** Show this task before all others. */
  putFirst(task) {
    this.hold(task);
    this.#ahead.unshift(task);
  }

  /** This comment is before the reviewer: it is renewed, let go on leaving, and not asked for again. */
  hold(task) {
    this.#keep(task.comment);
  }

  /** The server holds this comment no longer for us: it was decided or skipped. */
  forget(comment) {
    this.#held.delete(keyOf(comment));
    tell(this.#names());
  }

  /** Hold a comment and give it as it stands now, with its context. */
  async claim(comment) {
    const task = await rest("POST", "/reviews/lease", named(comment), { reload: false });
    this.#keep(task.comment);
    return task;
  }

  #keep(comment) {
    this.#held.set(keyOf(comment), comment);
    tell(this.#names());
  }

  #fetch() {
    this.#fetching ??= this.#ask().finally(() => (this.#fetching = null));
    return this.#fetching;
  }

  async #ask() {
    for (let wait = FIRST_PAUSE; ; wait = Math.min(2 * wait, LONGEST_PAUSE)) {
      const asked = performance.now();
      try {
        const answer = await inTurn(() => this.#askOnce());
        this.#onTrouble(null);
        this.#onAnswer(answer, asked);
        // Time was up before one was found: the search goes on.
        if (answer.items.length || answer.searched_all) return;
        wait = FIRST_PAUSE;
      } catch (problem) {
        const passes = problem.status < 400 || problem.status >= 500 || [401, 429].includes(problem.status);
        this.#onTrouble(problem, passes);
        if (!passes) return;
        await pause(wait);
      }
    }
  }

  async #askOnce() {
    const held = [...others(), ...this.#names()].slice(-NAMED_AT_MOST);
    const answer = await rest("POST", "/reviews/next", { ...this.#wanted, count: AHEAD, held }, { reload: false });
    for (const task of answer.items) this.#take(task);
    return answer;
  }

  /** What is held, the newest of it: more than one request may name is only held while decisions cannot be sent. */
  #names() {
    return [...this.#held.values()].slice(-NAMED_AT_MOST).map(named);
  }

  #take(task) {
    if (this.#held.has(keyOf(task.comment))) return;
    this.#keep(task.comment);
    this.#ahead.push(task);
  }

  /** Hold everything for longer; what somebody else got while this computer slept is not shown any more. */
  async #renew() {
    const comments = this.#names();
    if (!comments.length) return;
    tell(comments);
    let kept;
    try {
      kept = new Set((await rest("POST", "/reviews/renew", { comments }, { reload: false })).comments.map(keyOf));
    } catch {
      return; // The next time will do: what is held is held for longer than the time between two.
    }
    const lost = this.#ahead.filter((task) => comments.some((one) => keyOf(one) === keyOf(task.comment)) && !kept.has(keyOf(task.comment)));
    for (const task of lost) this.forget(task.comment);
    this.#ahead = this.#ahead.filter((task) => !lost.includes(task));
  }

  #releaseAll() {
    const comments = this.#names();
    tell([]);
    if (comments.length) rest("POST", "/reviews/release", { comments }, { keepalive: true, reload: false }).catch(() => {});
  }
}

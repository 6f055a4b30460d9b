// The reviewer's next comments, some of them prefetched. The server leases each to the reviewer; the page renews the
// leases while it is open and releases them when it closes.
import { rest } from "./rest.js";
import { keyOf } from "./review-page.js";
import { announceHeld, heldByOthers, withLock } from "./review-tabs.js";

// Comments that a reviewer may finish while a request is in flight.
const AHEAD = 4;
// The API's maximum of comments in a request.
const MAXIMUM_HELD = 50;
const RENEW_EVERY = 120_000;
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 30_000;

const nameOf = ({ platform, id }) => ({ platform, id });
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export class Queue {
  #request;
  #onAnswer;
  #onTrouble;
  #ahead = [];
  #held = new Map();
  #fetching = null;

  /**
   * `request` has queue and filter. `onAnswer` is called with each response and the time of its request, `onTrouble`
   * with a Problem and whether the request is retried, or with null after success.
   */
  constructor(request, onAnswer, onTrouble) {
    this.#request = request;
    this.#onAnswer = onAnswer;
    this.#onTrouble = onTrouble;
    setInterval(() => this.#renew(), RENEW_EVERY);
    document.addEventListener("visibilitychange", () => document.hidden || this.#renew());
    window.addEventListener("pagehide", () => this.#releaseAll());
  }

  /** Return the next task, immediately if one was prefetched, or null if the queue is empty. */
  async next() {
    if (!this.#ahead.length) await this.#fetch();
    const task = this.#ahead.shift() ?? null;
    if (this.#ahead.length < AHEAD / 2) this.#fetch();
    return task;
  }

  /** Whether a task is prefetched. */
  get ready() {
    return this.#ahead.length > 0;
  }

  /** Show this task before all others. */
  putFirst(task) {
    this.hold(task);
    this.#ahead.unshift(task);
  }

  /** Treat this task's comment as leased: renew and release it, and do not fetch it again. */
  hold(task) {
    this.#keep(task.comment);
  }

  /** Drop a comment whose lease has ended because it was reviewed or skipped. */
  forget(comment) {
    this.#held.delete(keyOf(comment));
    announceHeld(this.#names());
  }

  /** Lease a comment and return its current task. */
  async claim(comment) {
    const task = await rest("POST", "/reviews/lease", nameOf(comment), { wait: false });
    this.#keep(task.comment);
    return task;
  }

  #keep(comment) {
    this.#held.set(keyOf(comment), comment);
    announceHeld(this.#names());
  }

  #fetch() {
    this.#fetching ??= this.#fetchWithRetries().finally(() => (this.#fetching = null));
    return this.#fetching;
  }

  async #fetchWithRetries() {
    for (let wait = FIRST_PAUSE; ; wait = Math.min(2 * wait, LONGEST_PAUSE)) {
      const requestedAt = performance.now();
      try {
        const answer = await withLock(() => this.#fetchOnce());
        this.#onTrouble(null);
        this.#onAnswer(answer, requestedAt);
        // Otherwise the server reached its time limit: continue the search.
        if (answer.items.length || answer.searched_all) return;
        wait = FIRST_PAUSE;
      } catch (problem) {
        const transient = problem.status < 400 || problem.status >= 500 || [401, 429].includes(problem.status);
        this.#onTrouble(problem, transient);
        if (!transient) return;
        await pause(wait);
      }
    }
  }

  async #fetchOnce() {
    const held = [...heldByOthers(), ...this.#names()].slice(-MAXIMUM_HELD);
    const answer = await rest("POST", "/reviews/next", { ...this.#request, count: AHEAD, held }, { wait: false });
    for (const task of answer.items) this.#add(task);
    return answer;
  }

  /** The newest leased comments. There are more than MAXIMUM_HELD only while reviews cannot be sent. */
  #names() {
    return [...this.#held.values()].slice(-MAXIMUM_HELD).map(nameOf);
  }

  #add(task) {
    if (this.#held.has(keyOf(task.comment))) return;
    this.#keep(task.comment);
    this.#ahead.push(task);
  }

  /** Renew all leases, and drop prefetched tasks that others got while this computer slept. */
  async #renew() {
    const comments = this.#names();
    if (!comments.length) return;
    announceHeld(comments);
    let kept;
    try {
      kept = new Set((await rest("POST", "/reviews/renew", { comments }, { wait: false })).comments.map(keyOf));
    } catch {
      return; // Leases last longer than the interval, so the next renewal is early enough.
    }
    const lost = this.#ahead.filter((task) => comments.some((one) => keyOf(one) === keyOf(task.comment)) && !kept.has(keyOf(task.comment)));
    for (const task of lost) this.forget(task.comment);
    this.#ahead = this.#ahead.filter((task) => !lost.includes(task));
  }

  #releaseAll() {
    const comments = this.#names();
    announceHeld([]);
    if (comments.length) rest("POST", "/reviews/release", { comments }, { keepalive: true, wait: false }).catch(() => {});
  }
}

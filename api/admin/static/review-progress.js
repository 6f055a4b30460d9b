// The reviewer's progress: reviews today, pace, size of the queue and remaining time.
import { fill, show } from "./review-page.js";

// Fewer decisions are not enough for a pace.
const FEWEST = 5;
// The pace is computed from the latest decisions. Longer gaps are breaks and count as LONGEST_MILLISECONDS.
const LATEST = 50;
const LONGEST_MILLISECONDS = 120_000;
const HOUR = 3_600_000;

export class Progress {
  #words;
  #done = 0;
  #remaining = null;
  #spans = []; // Milliseconds between decisions, newest last.
  #last = null;

  constructor(words) {
    this.#words = words;
  }

  /** The number of decisions today, including those that are not stored yet. */
  get done() {
    return this.#done;
  }

  /** Apply the server's counts, which do not include this many `decisions` for this many `comments`. */
  count({ done_today, remaining: { count, more } }, decisions, comments) {
    this.#done = done_today + decisions;
    this.#remaining = { count: more ? count : Math.max(0, count - comments), more };
    this.#show();
  }

  /** Add a decision for this many comments or, with a `change` of -1, remove one. */
  decide(change, comments) {
    this.#done += change;
    if (this.#remaining && !this.#remaining.more) this.#remaining.count = Math.max(0, this.#remaining.count - change * comments);
    if (change > 0) this.#recordTime();
    else this.#spans.pop();
    this.#show();
  }

  #recordTime() {
    const now = performance.now();
    if (this.#last !== null) this.#spans.push(Math.min(now - this.#last, LONGEST_MILLISECONDS));
    if (this.#spans.length > LATEST) this.#spans.shift();
    this.#last = now;
  }

  /** Decisions per hour, or null while there are too few. */
  get #pace() {
    if (this.#spans.length < FEWEST) return null;
    return HOUR / (this.#spans.reduce((sum, span) => sum + span, 0) / this.#spans.length);
  }

  #show() {
    const pace = this.#pace;
    fill("done-today", number(this.#done));
    fill("remaining", this.#remaining ? this.#waiting() : "–");
    fillOrHide("pace", pace && this.#words.pace.replace("{n}", number(rounded(pace))));
    fillOrHide("time-left", pace && this.#remaining?.count ? this.#timeLeft(this.#remaining, pace) : null);
  }

  #waiting() {
    const { count, more } = this.#remaining;
    if (more && !count) return this.#words.more;
    return more ? `${number(count)}+` : number(count);
  }

  #timeLeft({ count, more }, pace) {
    if (more) return null;
    const hours = count / pace;
    if (hours >= 1) return this.#words.hoursLeft.replace("{n}", number(Math.round(10 * hours) / 10));
    return this.#words.minutesLeft.replace("{n}", number(Math.max(1, Math.round(60 * hours))));
  }
}

function fillOrHide(id, text) {
  show(id, Boolean(text));
  fill(id, text || "");
}

/** Round to two significant digits, which is as precise as a pace is. */
function rounded(value) {
  const step = 10 ** Math.max(0, Math.floor(Math.log10(value)) - 1);
  return Math.round(value / step) * step;
}

const number = (value) => value.toLocaleString(document.documentElement.lang);

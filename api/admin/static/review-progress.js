// How far the reviewer is: what was done today, how fast it goes, what waits and how long that takes.
import { fill, show } from "./review-page.js";

// Below this many decisions a pace says nothing.
const FEWEST = 5;
// The pace is that of the latest decisions; a longer time between two is a break, and counts as this long.
const LATEST = 50;
const LONGEST_MILLISECONDS = 120_000;
const HOUR = 3_600_000;

export class Progress {
  #words;
  #done = 0;
  #remaining = null;
  #spans = []; // Milliseconds between decisions, the newest last.
  #last = null;

  constructor(words) {
    this.#words = words;
  }

  /** Decisions of today as far as they are known here. */
  get done() {
    return this.#done;
  }

  /** Take the server's numbers; it did not know of so many decisions, for so many comments, when it counted. */
  count({ done_today, remaining: { count, more } }, decisions, comments) {
    this.#done = done_today + decisions;
    this.#remaining = { count: more ? count : Math.max(0, count - comments), more };
    this.#show();
  }

  /** One decision more for so many comments, or, with -1, one that was taken back. */
  decide(change, comments) {
    this.#done += change;
    if (this.#remaining && !this.#remaining.more) this.#remaining.count = Math.max(0, this.#remaining.count - change * comments);
    if (change > 0) this.#time();
    else this.#spans.pop();
    this.#show();
  }

  #time() {
    const now = performance.now();
    if (this.#last !== null) this.#spans.push(Math.min(now - this.#last, LONGEST_MILLISECONDS));
    if (this.#spans.length > LATEST) this.#spans.shift();
    this.#last = now;
  }

  /** Decisions an hour; null while there are too few to tell. */
  get #pace() {
    if (this.#spans.length < FEWEST) return null;
    return HOUR / (this.#spans.reduce((sum, span) => sum + span, 0) / this.#spans.length);
  }

  #show() {
    const pace = this.#pace;
    fill("done-today", number(this.#done));
    fill("remaining", this.#remaining ? this.#waiting() : "–");
    line("pace", pace && this.#words.pace.replace("{n}", number(rounded(pace))));
    line("time-left", pace && this.#remaining?.count ? this.#timeLeft(this.#remaining, pace) : null);
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

function line(id, text) {
  show(id, Boolean(text));
  fill(id, text || "");
}

/** Two digits say as much as a pace is worth. */
function rounded(value) {
  const step = 10 ** Math.max(0, Math.floor(Math.log10(value)) - 1);
  return Math.round(value / step) * step;
}

const number = (value) => value.toLocaleString(document.documentElement.lang);

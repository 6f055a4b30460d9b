// Compare the share of negative comments with the previous period, and short ranges with the same weekdays a week before.
import { pathOf } from "./analytics-range.js";
import { rest } from "./rest.js";
import { fillIn } from "./word-marks.js";

// The first time that the API accepts.
const EARLIEST = Date.parse("0001-01-01T00:00:00Z");
const DAY = 86_400_000;
const WEEK = 7 * DAY;
// Longer ranges contain all weekdays.
const LONGEST_BY_WEEKDAY = 3 * DAY;
// Two-sided test at 5 %.
const SIGNIFICANT = 1.96;

/** Return a sentence for each period with which `rows`, those of `range`, can be compared. */
export async function comparisons(rows, range, { words, percents, numbers }) {
  const now = totalOf(rows);
  if (!range.query.created_from || !now.comments) return [];
  const [from, to] = [Date.parse(range.query.created_from), Date.parse(range.query.created_to)];
  const length = to - from;
  const shifts = { previous: length, ...(length <= LONGEST_BY_WEEKDAY ? { weekBefore: WEEK } : {}) };
  const sentences = [];
  for (const [name, shift] of Object.entries(shifts)) {
    if (from - shift < EARLIEST) continue;
    const query = { ...range.query, created_from: new Date(from - shift).toISOString(), created_to: new Date(to - shift).toISOString() };
    const before = totalOf((await rest("GET", pathOf("labels", { ...range, query }))).rows);
    if (!before.comments) continue;
    const { change, significant } = changeOf(now, before);
    sentences.push(
      fillIn(words[name], {
        now: percents.format(now.negative / now.comments),
        before: percents.format(before.negative / before.comments),
        comments: numbers.format(before.comments),
        points: `${change < 0 ? "−" : "+"}${numbers.format(Math.abs(Math.round(1000 * change) / 10))}`,
        verdict: significant ? words.significant : words.byChance,
      }),
    );
  }
  return sentences;
}

/** Return the difference of two shares, and whether the two-proportion test finds it significant. */
export function changeOf(now, before) {
  const change = now.negative / now.comments - before.negative / before.comments;
  const pooled = (now.negative + before.negative) / (now.comments + before.comments);
  const deviation = Math.sqrt(pooled * (1 - pooled) * (1 / now.comments + 1 / before.comments));
  return { change, significant: deviation > 0 && Math.abs(change) / deviation >= SIGNIFICANT };
}

function totalOf(rows) {
  const sum = (name) => rows.reduce((total, row) => total + row[name], 0);
  return { comments: sum("comments"), negative: sum("negative") };
}

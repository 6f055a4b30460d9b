// Axes and the colours of the heat map.

const LENGTHS = { hour: 3_600_000, day: 86_400_000, week: 604_800_000 };
const TICKS = { hour: "%m-%d %H:%M", day: "%m-%d", week: "%Y-%m-%d" };
const MOST_TICKS = 7;
// Two-sided test at 5 % for all 168 cells together (Bonferroni): standard deviations from the expectation.
const SIGNIFICANT = 3.62;
// Fewer expected comments say nothing about a cell.
const FEWEST_EXPECTED = 5;

/** Convert a REST time to local time without a zone, because Plotly ignores time zones. */
export function localTime(text) {
  const time = new Date(text);
  return new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, -8);
}

/** Return the axis of counts up to `most`: from 0, with whole numbers only. */
export function countAxis(most) {
  return { rangemode: "tozero", tickformat: ",d", ...(most < 6 ? { tick0: 0, dtick: 1 } : {}) };
}

/** Return the time axis of `rows`: each tick is the start of a bucket, and no two ticks are the same. */
export function timeAxis(rows, bucket) {
  const starts = everyBucket(rows, bucket);
  const step = Math.ceil(starts.length / MOST_TICKS);
  const tickvals = starts.filter((_, index) => index % step === 0).map((start) => localTime(start));
  return { type: "date", automargin: true, tickvals, tickformat: TICKS[bucket], hoverformat: TICKS[bucket === "hour" ? "hour" : "week"] };
}

function everyBucket(rows, bucket) {
  const [first, last] = [new Date(rows[0].start), new Date(rows.at(-1).start)];
  const count = Math.round((last - first) / LENGTHS[bucket]) + 1;
  return [...Array(count).keys()].map((index) => new Date(first.getTime() + index * LENGTHS[bucket]));
}

/** Return whether a bucket lies partly outside the range, or has not ended yet. */
export function isPartial(row, bucket, { query }, now = Date.now()) {
  const start = Date.parse(row.start);
  const from = query.created_from ? Date.parse(query.created_from) : -Infinity;
  const to = Math.min(now, query.created_to ? Date.parse(query.created_to) : Infinity);
  return start < from || start + LENGTHS[bucket] > to;
}

/** Return the length of a bucket in milliseconds. */
export const lengthOf = (bucket) => LENGTHS[bucket];

/**
 * Return how far a cell of the heat map is from the expectation, and whether chance explains it. For comments the
 * expectation is an even distribution and the deviation relative; for a measure it is its share of all comments, and the
 * deviation is the difference of shares.
 */
export function deviationOf(row, measure, total) {
  const comments = row?.comments ?? 0;
  if (measure === "comments") {
    const expected = total.comments / 168;
    if (expected < FEWEST_EXPECTED) return { value: comments, deviation: 0, significant: false };
    const sigma = (comments - expected) / Math.sqrt(expected);
    return { value: comments, deviation: comments / expected - 1, significant: Math.abs(sigma) >= SIGNIFICANT };
  }
  const expected = total.comments ? total[measure] / total.comments : 0;
  if (!comments) return { value: null, deviation: 0, significant: false };
  const share = row[measure] / comments;
  const enough = comments * Math.min(expected, 1 - expected) >= FEWEST_EXPECTED;
  const sigma = (share - expected) / Math.sqrt((expected * (1 - expected)) / comments);
  return { value: share, deviation: share - expected, significant: enough && Math.abs(sigma) >= SIGNIFICANT };
}

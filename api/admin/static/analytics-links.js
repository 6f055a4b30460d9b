// A click on a bar, a point, a cell or a word opens exactly its comments, or its reviews.
import { lengthOf, localTime } from "./analytics-axes.js";

const COMMENTS = "/admin/comments";
const REVIEWS = "/admin/reviews";
const HOUR = 3_600_000;
const LABELS = ["positive", "negative", "unclear", "spam"];
const SHARES = ["shareNegative", "shareUncertain", "shareCorrected"];
const MEASURES = { comments: "comments", negative: "shareNegative", undecided: "undecided" };
const ACCURACY = { judged: "any", right: "right", wrong: "wrong" };

/** Return the URL of the comments or reviews that `column` of the row counts, or null. */
export function linkOfCell(card, row, column, context) {
  if (!context.links) return null; // Users may not read comments.
  switch (card) {
    case "labels":
    case "shares":
      return commentsOf({ ...within(context), ...during(row, context) }, column, context);
    case "platforms":
      return commentsOf({ ...within(context), platform: row.platform }, column, context);
    case "hours":
      // Counts are stored by full hours in UTC.
      return commentsOf({ ...within(context), utc_hour_of_week: utcHour(row, context) }, column, context);
    case "keywords":
      return wordsOf(row, column, context);
    case "reviewers":
      return reviewsOf({ reviewer: row.reviewer_number }, column, context);
    case "models":
      return reviewsOf({ from_model: row.model_number }, column, context);
    case "accuracy":
      return ACCURACY[column] ? url(COMMENTS, { ...context.range.query, audited: ACCURACY[column], model: row.model }) : null;
    default:
      return null;
  }
}

/** Return the URL of the comments or reviews of `point`, which Plotly reports for the chart of `card`, or null. */
export function linkOf(card, rows, point, context) {
  switch (card) {
    case "labels":
    case "platforms":
      return linkOfCell(card, rows[point.pointNumber], context.groups[point.curveNumber], context);
    case "shares": {
      const row = rowAt(rows, point);
      return row ? linkOfCell(card, row, SHARES[point.curveNumber], context) : null;
    }
    case "hours": {
      const [weekday, hour] = point.pointNumber;
      return linkOfCell(card, { weekday, hour }, MEASURES[context.measure], context);
    }
    case "keywords": {
      const side = point.curveNumber ? "negative" : "positive";
      return linkOfCell(card, rows.filter((row) => row.side === side)[point.pointNumber], "word", context);
    }
    case "reviewers":
    case "models":
      return linkOfCell(card, rows[point.pointNumber], point.curveNumber ? "corrections" : "confirmed", context);
    case "accuracy":
      return linkOfCell(card, rows.filter((row) => row.judged)[point.pointNumber], "judged", context);
    default:
      return null;
  }
}

/** Return the URL of the comments that match `fields`; times are converted to those of the list's form. */
export function commentsUrl(fields) {
  return url(COMMENTS, fields);
}

function commentsOf(fields, column, { threeGroups }) {
  const certain = threeGroups ? { undecided: false } : {};
  if (column === "comments") return url(COMMENTS, fields);
  if (column === "undecided" || column === "shareUncertain") return url(COMMENTS, { ...fields, undecided: true });
  if (column === "reviewed") return url(COMMENTS, { ...fields, reviewed: true });
  if (column === "corrected" || column === "shareCorrected") return url(COMMENTS, { ...fields, corrected: true });
  const label = column === "shareNegative" ? "negative" : column;
  if (!LABELS.includes(label)) return null;
  return url(COMMENTS, { ...fields, label, ...(["positive", "negative"].includes(label) ? certain : {}) });
}

function wordsOf(row, column, { range, sample }) {
  const side = column === "word" ? row.side : column;
  if (!["positive", "negative"].includes(side)) return null;
  // The comments that were read. Times have microseconds, and a search from or to a millisecond has the same comments.
  const [oldest, newest] = [sample[`${side}_from`], sample.newest];
  const read = oldest ? { created_from: new Date(oldest).toISOString(), created_to: new Date(Date.parse(newest) + 1).toISOString() } : {};
  return url(COMMENTS, { ...range.query, ...read, text: row.word, label: side });
}

function reviewsOf(fields, column, { range }) {
  const { created_from, created_to, platform } = wholeHours(range.query);
  const filter = { ...fields, counted: true };
  if (created_from) filter.reviewed_from = created_from;
  if (created_to) filter.reviewed_to = created_to;
  if (platform) filter.platform = platform;
  if (column === "reviews") return url(REVIEWS, filter);
  if (column === "corrections") return url(REVIEWS, { ...filter, corrected: true });
  if (column === "confirmed") return url(REVIEWS, { ...filter, corrected: false });
  return LABELS.includes(column) ? url(REVIEWS, { ...filter, label: column }) : null;
}

function within({ range, unlabelled, activeModel }) {
  // Charts count only comments that the active model has labelled.
  return { ...wholeHours(range.query), ...(unlabelled && activeModel ? { model: activeModel } : {}) };
}

// Counts include the hour in which the range begins, and exclude the one in which it ends.
function wholeHours(query) {
  const found = { ...query };
  for (const time of ["created_from", "created_to"]) {
    if (found[time]) found[time] = new Date(Math.floor(Date.parse(found[time]) / HOUR) * HOUR).toISOString();
  }
  return found;
}

/** The hours of a bucket that lie in the range. An hour belongs to the bucket in which it begins. */
function during(row, { range, bucket }) {
  const next = (time) => Math.ceil(time / HOUR) * HOUR;
  const { created_from, created_to } = wholeHours(range.query);
  const start = Date.parse(row.start);
  const from = Math.max(next(start), created_from ? Date.parse(created_from) : -Infinity);
  const to = Math.min(next(start + lengthOf(bucket)), created_to ? Date.parse(created_to) : Infinity);
  return { created_from: new Date(from).toISOString(), created_to: new Date(to).toISOString() };
}

function utcHour({ weekday, hour }, { range }) {
  return (weekday * 24 + hour - Math.floor(range.offset / 60) + 168) % 168;
}

function rowAt(rows, point) {
  // Plotly leaves out a time at midnight.
  const [day, time = "00:00"] = String(point.x).split(/[ T]/);
  return rows.find((row) => localTime(row.start) === `${day}T${time.slice(0, 5)}`);
}

function url(list, fields) {
  const filter = { ...fields };
  for (const time of ["created_from", "created_to", "reviewed_from", "reviewed_to"]) {
    if (filter[time]) filter[time] = exactLocalTime(filter[time]);
  }
  return `${list}?${new URLSearchParams(filter)}`;
}

// As forms show times; to the millisecond only where that matters.
function exactLocalTime(text) {
  const time = new Date(text);
  const local = new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, -1);
  return local.endsWith(":00.000") ? localTime(text) : local;
}

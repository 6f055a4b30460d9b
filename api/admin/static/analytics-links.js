// A click on a bar, a point, a cell or a word opens exactly its comments.
import { lengthOf, localTime } from "./analytics-axes.js";

const LIST = "/admin/comments";
const SHARES = ["shareNegative", "shareUncertain", "shareCorrected"];

/** Return the URL of the comments that a cell of the card's table counts, or null. */
export function linkOfCell(card, rows, index, column, context) {
  const row = rows[index];
  const curveNumber = { shares: SHARES, keywords: ["positive", "negative"] }[card]?.indexOf(card === "keywords" ? row.side : column);
  const point = {
    curveNumber: curveNumber ?? context.groups.indexOf(column),
    pointNumber: card === "hours" ? [row.weekday, row.hour] : index,
    x: row.start && localTime(row.start),
    y: row.word,
  };
  const linked = { keywords: column === "word", hours: column === "comments" }[card] ?? point.curveNumber >= 0;
  return linked ? linkOf(card, rows, point, { ...context, measure: "comments" }) : null;
}

/** Return the URL of the comments of `point`, which Plotly reports for the chart of `card`, or null if it has none. */
export function linkOf(card, rows, point, context) {
  const { range, bucket, threeGroups } = context;
  if (!context.links) return null; // Users may not read comments.
  const within = { ...range.query };
  switch (card) {
    case "labels":
    case "shares": {
      const row = rowAt(rows, point);
      const name = card === "labels" ? context.groups[point.curveNumber] : SHARES[point.curveNumber];
      return row && urlOf({ ...within, ...during(row, bucket, range) }, name, threeGroups);
    }
    case "platforms":
      return urlOf({ ...within, platform: rows[point.pointNumber].platform }, context.groups[point.curveNumber], threeGroups);
    case "hours": {
      const [weekday, hour] = point.pointNumber;
      // Counts are stored by full hours in UTC.
      const utc = (weekday * 24 + hour - Math.floor(range.offset / 60) + 168) % 168;
      const measure = { comments: "", negative: "shareNegative", undecided: "undecided" }[context.measure];
      return urlOf({ ...within, utc_hour_of_week: utc }, measure, threeGroups);
    }
    case "keywords": {
      const side = point.curveNumber ? "negative" : "positive";
      return urlOf({ ...within, text: point.y, label: side }, "", false);
    }
    default:
      return null;
  }
}

function rowAt(rows, point) {
  // Plotly leaves out a time at midnight.
  const [day, time = "00:00"] = String(point.x).split(/[ T]/);
  return rows.find((row) => localTime(row.start) === `${day}T${time.slice(0, 5)}`);
}

/** The part of a bucket that lies in the range. */
function during(row, bucket, { query }) {
  const start = Date.parse(row.start);
  const from = Math.max(start, query.created_from ? Date.parse(query.created_from) : -Infinity);
  const to = Math.min(start + lengthOf(bucket), query.created_to ? Date.parse(query.created_to) : Infinity);
  return { created_from: new Date(from).toISOString(), created_to: new Date(to).toISOString() };
}

function urlOf(fields, name, threeGroups) {
  const filter = { ...fields };
  if (name === "undecided" || name === "shareUncertain") filter.undecided = true;
  else if (name === "shareNegative") Object.assign(filter, { label: "negative", ...(threeGroups ? { undecided: false } : {}) });
  else if (name === "shareCorrected") return null; // No filter compares a review with the model's label.
  else if (name) Object.assign(filter, { label: name, ...(threeGroups && ["positive", "negative"].includes(name) ? { undecided: false } : {}) });
  // As the form of the list shows times.
  for (const time of ["created_from", "created_to"]) if (filter[time]) filter[time] = localTime(filter[time]);
  return `${LIST}?${new URLSearchParams(filter)}`;
}

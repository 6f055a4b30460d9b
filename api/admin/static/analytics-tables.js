// Tables for the cards, from the same rows as the charts.
import { localTime } from "./analytics-axes.js";
import { nameOf, shareOf } from "./analytics-charts.js";
import { annotationsOf } from "./analytics-annotations.js";
import { linkOfCell } from "./analytics-links.js";

const MIX = ["comments", "positive", "undecided", "negative", "unclear", "spam", "reviewed", "corrected"];
const REVIEWS = ["reviews", "corrections", "positive", "negative", "unclear", "spam"];
const COLUMNS = {
  labels: ["start", ...MIX],
  shares: ["start", "comments", "shareNegative", "shareUncertain", "shareCorrected"],
  platforms: ["platform", ...MIX],
  hours: ["weekday", "hour", ...MIX],
  keywords: ["side", "word", "score", "positive", "negative"],
  reviewers: ["reviewer", ...REVIEWS],
  models: ["model_name", ...REVIEWS],
  accuracy: ["model_name", "judged", "right", "wrong", "accuracy", "low", "high"],
};

/** Build the table of a card's rows. */
export function tableOf(card, rows, context) {
  const table = document.createElement("table");
  table.className = "table table-sm mb-0";
  const head = table.createTHead().insertRow();
  const columns = context.annotations.length && rows[0].start ? [...COLUMNS[card], "annotations"] : COLUMNS[card];
  for (const column of columns) {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = context.words.labels[column] ?? context.words.columns[column];
    head.append(cell);
  }
  const body = table.createTBody();
  for (const row of rows) {
    const line = body.insertRow();
    for (const column of columns) line.insertCell().append(content(card, row, column, context, format(column, row, context)));
  }
  return table;
}

/** Return a cell's text, with a link to the comments that it counts. */
function content(card, row, column, context, text) {
  const url = linkOfCell(card, row, column, context);
  if (!url || text === "0" || text === "–") return text;
  const link = document.createElement("a");
  link.href = url;
  link.textContent = text;
  return link;
}

function format(column, row, { words, weekdays, numbers, percents, annotations, bucket }) {
  const value = row[column];
  switch (column) {
    case "annotations":
      return annotationsOf(row, annotations, bucket).join(" · ");
    case "start":
      return localTime(value).replace("T", " ");
    case "weekday":
      return weekdays[value];
    case "hour":
      return `${value}:00`;
    case "side":
      return words.labels[value];
    case "reviewer":
      return value ?? words.nobody;
    case "model_name":
      return value === null ? words.noModel : nameOf(row, words);
    case "score":
      return value.toFixed(1);
    case "accuracy":
    case "low":
    case "high":
      return value === null ? "–" : percents.format(value);
    case "shareNegative":
    case "shareUncertain":
    case "shareCorrected": {
      const share = shareOf(row, column);
      return share === null ? "–" : percents.format(share);
    }
    default:
      return typeof value === "number" ? numbers.format(value) : value;
  }
}

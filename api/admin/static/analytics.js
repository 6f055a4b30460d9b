// The analytics page: fetch each resource once and fill its cards.
/* global Plotly */
import { annotate, fetchAnnotations, listAnnotations } from "./analytics-annotations.js";
import { isPartial } from "./analytics-axes.js";
import { figures, groupsOf } from "./analytics-charts.js";
import { showComparisons } from "./analytics-compare.js";
import { draw } from "./analytics-draw.js";
import { linkOf } from "./analytics-links.js";
import { pathOf, rangeOf } from "./analytics-range.js";
import { tableOf } from "./analytics-tables.js";
import { Problem, rest, words as island } from "./rest.js";
import { fillIn } from "./word-marks.js";

const words = island("analytics-words");
const filter = island("analytics-filter");
const range = rangeOf(filter);
const threeGroups = filter.groups === "three";
const language = document.documentElement.lang;
// 2024-01-01 was a Monday.
const weekdays = [...Array(7).keys()].map((day) =>
  new Intl.DateTimeFormat(language, { weekday: "short" }).format(new Date(2024, 0, 1 + day)),
);
const context = {
  words,
  weekdays,
  bucket: range.bucket,
  threeGroups,
  measure: "comments",
  numbers: new Intl.NumberFormat(language),
  percents: percentsIn(language),
  groups: groupsOf(threeGroups),
  links: filter.links,
  activeModel: filter.activeModel,
  range,
  annotations: [],
};
// Both time charts wait for them: they are few, and read from small tables.
const annotations = fetchAnnotations(range, words);
const answers = new Map();

/** Format shares; a share that is not 0 never looks like 0. */
function percentsIn(locale) {
  const numbers = new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 1 });
  return { format: (share) => (share > 0 && share < 0.001 ? `<${numbers.format(0.001)}` : numbers.format(share)) };
}

for (const card of document.querySelectorAll(".analytics-card")) fill(card);
document.getElementById("measure").addEventListener("change", (event) => {
  context.measure = event.target.value;
  fill(document.getElementById("hours"));
});

async function fill(card) {
  const part = (name) => card.querySelector(`.analytics-${name}`);
  part("csv").href = `/api/v1${pathOf(card.dataset.resource, range, "csv")}`;
  try {
    const answer = await fetchRows(card.dataset.resource);
    const own = { ...context, unlabelled: answer.unlabelled, sample: answer };
    if (part("annotations")) own.annotations = await annotations;
    show(card, part, answer, own);
    if (card.id === "labels") {
      showTotals(answer.rows);
      showUnlabelled(answer);
      await compare();
      const partial = answer.rows.some((row) => isPartial(row, range.bucket, range));
      part("note").textContent = partial ? words.hatched : "";
    }
    if (card.id === "keywords") noteSample(part("note"), answer);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    part("trouble").textContent = error.message;
    part("trouble").hidden = false;
    part("chart").hidden = true;
  } finally {
    part("loading").hidden = true;
    card.removeAttribute("aria-busy");
  }
}

// Two cards share a resource, so cache the promises.
function fetchRows(resource) {
  if (!answers.has(resource)) answers.set(resource, rest("GET", pathOf(resource, range)).then(splitUncertain));
  return answers.get(resource);
}

// Add the columns `wrong` and `undecided`: uncertain comments that nobody has reviewed. With three groups, remove them from the labels.
function splitUncertain(answer) {
  if (answer.rows[0]?.judged !== undefined) return { ...answer, rows: answer.rows.map((row) => ({ ...row, wrong: row.judged - row.right })) };
  if (answer.rows[0]?.uncertain_positive === undefined) return answer;
  const rows = answer.rows.map((row) => ({
    ...row,
    undecided: row.uncertain_positive + row.uncertain_negative,
    positive: row.positive - (threeGroups ? row.uncertain_positive : 0),
    negative: row.negative - (threeGroups ? row.uncertain_negative : 0),
  }));
  return { ...answer, rows };
}

function show(card, part, { rows }, own) {
  part("empty").hidden = rows.length > 0;
  part("chart").hidden = rows.length === 0;
  if (part("annotations")) listAnnotations(part("annotations"), own.annotations);
  if (rows.length === 0) return;
  part("table").replaceChildren(tableOf(card.id, rows, own));
  draw(part("chart"), () => figureOf(card.id, rows, own));
  const chart = part("chart");
  chart.removeAllListeners("plotly_click");
  chart.on("plotly_click", ({ points: [point] }) => {
    const url = linkOf(card.id, rows, point, own);
    if (url) window.location.assign(url);
  });
  const toggle = part("toggle");
  toggle.disabled = false;
  toggle.onclick = () => {
    const toTable = part("table").hidden;
    part("table").hidden = !toTable;
    part("chart").hidden = toTable;
    toggle.textContent = toTable ? words.showChart : words.showTable;
    if (!toTable) Plotly.Plots.resize(part("chart"));
  };
}

function figureOf(card, rows, own) {
  const figure = figures[card](rows, own);
  if (!own.annotations.length) return figure;
  return { ...figure, layout: annotate(figure.layout, own.annotations, rows, own.bucket, getComputedStyle(document.body)) };
}

function showTotals(rows) {
  const sum = (name) => rows.reduce((total, row) => total + row[name], 0);
  const comments = sum("comments");
  if (!comments) return;
  const shares = [...groupsOf(true), "corrected"].filter((name) => threeGroups || name !== "undecided").map(
    (name) => `${words.labels[name] ?? words.columns[name]} ${context.percents.format(sum(name) / comments)}`,
  );
  const totals = document.getElementById("totals");
  totals.textContent = [fillIn(words.total, { comments: context.numbers.format(comments) }), ...shares].join(" · ");
  totals.hidden = false;
}

async function compare() {
  try {
    await showComparisons(document.getElementById("comparisons"), context);
  } catch (error) {
    // The cards report that the server does not respond.
    if (!(error instanceof Problem)) throw error;
  }
}

function showUnlabelled(answer) {
  const note = document.getElementById("unlabelled");
  note.textContent = fillIn(words.unlabelled, { count: context.numbers.format(answer.unlabelled) });
  note.hidden = !answer.unlabelled;
}

function noteSample(note, answer) {
  const [positive, negative] = [answer.positive_comments, answer.negative_comments];
  const sentence = fillIn(words.wordsFrom, { positive: context.numbers.format(positive), negative: context.numbers.format(negative) });
  note.textContent = answer.complete ? sentence : `${sentence} ${fillIn(words.cutShort, { count: positive + negative })}`;
}

// The page of a comparison: poll its progress, draw the charts of its result and mark the deciding words.
import { draw } from "./analytics-draw.js";
import { calibration, flipsByMonth, flipsByPlatform, scores } from "./comparison-charts.js";
import { rest, words as island } from "./rest.js";
import { markWords } from "./word-marks.js";

const POLL_MILLISECONDS = 1_500;
const progress = document.getElementById("progress");
if (progress) poll(progress.dataset.number);
else show(island("comparison"), island("comparison-words"));

async function poll(number) {
  const answer = await rest("GET", `/comparisons/${number}`);
  if (["done", "failed"].includes(answer.state)) return window.location.reload();
  document.getElementById("bar").value = answer.progress;
  setTimeout(poll, POLL_MILLISECONDS, number);
}

function show({ result, examples }, words) {
  const charts = { accuracy: scores, calibration, month: flipsByMonth, platform: flipsByPlatform };
  for (const [id, figure] of Object.entries(charts)) {
    const chart = figure(result, words);
    const target = document.getElementById(`${id}-chart`);
    target.hidden = chart === null;
    if (chart) draw(target, () => chart);
  }
  for (const text of document.querySelectorAll("[data-place]")) {
    const example = examples[text.dataset.place];
    markWords(text, example.text, example[`${text.dataset.side}_words`] ?? []);
  }
}

// Plotly charts of a comparison, from its REST result. Patterns and symbols distinguish series without colour.
import { barLayout } from "./analytics-charts.js";

const TO_POSITIVE = { color: "#0072b2", pattern: { shape: "", size: 5, solidity: 0.25 } };
const TO_NEGATIVE = { color: "#d55e00", pattern: { shape: "/", size: 5, solidity: 0.25 } };
const MODELS = { old: { color: "#d55e00", symbol: "square" }, new: { color: "#0072b2", symbol: "circle" } };
// The most platforms in the chart, the largest.
const PLATFORMS = 24;

/** Flips by month; null without comments. */
export function flipsByMonth({ by_month: rows }, words) {
  if (!rows.length) return null;
  const bars = (name, of, marker) => ({ type: "bar", name, x: rows.map((row) => row.month), y: rows.map((row) => row[of]), marker });
  return {
    data: [bars(words.toPositive, "to_positive", TO_POSITIVE), bars(words.toNegative, "to_negative", TO_NEGATIVE)],
    layout: {
      barmode: "stack",
      bargap: rows.length < 4 ? 0.6 : 0.2,
      xaxis: { type: "category", automargin: true },
      yaxis: { rangemode: "tozero", tickformat: ",d", automargin: true },
    },
  };
}

/** Flips by platform; null without comments. */
export function flipsByPlatform({ by_platform: rows }, words) {
  if (!rows.length) return null;
  const shown = rows.slice(0, PLATFORMS);
  const bars = (name, of, marker) => ({
    type: "bar",
    orientation: "h",
    name,
    x: shown.map((row) => row[of]),
    y: shown.map((row) => row.platform),
    marker,
  });
  return {
    data: [bars(words.toPositive, "to_positive", TO_POSITIVE), bars(words.toNegative, "to_negative", TO_NEGATIVE)],
    layout: barLayout(shown.length, { barmode: "stack", xaxis: { tickformat: ",d" } }),
  };
}

/** Accuracy of both models with intervals, by sample; null if nothing was judged. */
export function scores({ unbiased, reviews }, words) {
  const samples = [unbiased, reviews].filter((one) => one.judged);
  if (!samples.length) return null;
  const lows = samples.flatMap((one) => [one.old.accuracy.low, one.new.accuracy.low]);
  const order = samples.flatMap((one) => ["old", "new"].map((side) => `${words[one.sample]} · ${words[side]}`));
  const points = (side) => ({
    type: "scatter",
    mode: "markers",
    name: words[side],
    x: samples.map((one) => one[side].accuracy.value),
    y: samples.map((one) => `${words[one.sample]} · ${words[side]}`),
    marker: { ...MODELS[side], size: 10 },
    error_x: {
      type: "data",
      symmetric: false,
      array: samples.map((one) => one[side].accuracy.high - one[side].accuracy.value),
      arrayminus: samples.map((one) => one[side].accuracy.value - one[side].accuracy.low),
    },
    hovertemplate: "%{y}<br>%{x:.1%}<extra></extra>",
  });
  return {
    data: [points("old"), points("new")],
    layout: {
      ...barLayout(2 * samples.length, {}),
      yaxis: { ...barLayout(0, {}).yaxis, categoryorder: "array", categoryarray: order },
      xaxis: { tickformat: ".0%", range: [Math.max(0, Math.min(...lows) - 0.02), 1.01] },
      showlegend: false,
    },
  };
}

/** Reliability diagram on the unbiased sample, or on all reviews without one; null if nothing was judged. */
export function calibration({ unbiased, reviews }, words) {
  const judged = unbiased.judged ? unbiased : reviews;
  if (!judged.judged) return null;
  const line = (side) => ({
    type: "scatter",
    mode: "lines+markers",
    name: words[side],
    x: judged[side].reliability.map((bin) => bin.probability),
    y: judged[side].reliability.map((bin) => bin.positive),
    text: judged[side].reliability.map((bin) => String(bin.n)),
    line: { color: MODELS[side].color, dash: side === "old" ? "dash" : "solid" },
    marker: { ...MODELS[side], size: 7 },
    hovertemplate: "%{x:.1%} → %{y:.1%} (%{text})<extra></extra>",
  });
  const diagonal = { type: "scatter", mode: "lines", name: words.perfect, x: [0, 1], y: [0, 1], line: { color: "#777777", dash: "dot" }, hoverinfo: "skip" };
  const axis = (text) => ({ title: { text }, range: [-0.02, 1.02], tickformat: ".0%", automargin: true });
  return {
    data: [diagonal, line("old"), line("new")],
    layout: { xaxis: axis(words.predicted), yaxis: axis(words.observed) },
  };
}

// Plotly charts for the cards, from REST rows. Colours are the Okabe-Ito palette; patterns distinguish labels without colour.
const COLOURS = { positive: "#0072b2", undecided: "#e69f00", negative: "#d55e00", unclear: "#999999", spam: "#cc79a7" };
const PATTERNS = { positive: "", undecided: "-", negative: "/", unclear: ".", spam: "x" };
const SHARES = {
  shareNegative: { color: "#d55e00", dash: "solid", symbol: "circle" },
  shareUncertain: { color: "#0072b2", dash: "dash", symbol: "square" },
  shareCorrected: { color: "#009e73", dash: "dot", symbol: "diamond" },
};
const LENGTHS = { hour: 3_600_000, day: 86_400_000, week: 604_800_000 };
const TICKS = { hour: "%m-%d %H:%M", day: "%m-%d", week: "%Y-%m-%d" };

/** Plotly traces and layout by card. `context` is that of analytics.js. */
export const figures = {
  labels: (rows, { words, bucket, threeGroups }) => ({
    data: groupsOf(threeGroups).map((label) => bar(rows.map((row) => localTime(row.start)), rows.map((row) => row[label]), label, words)),
    layout: { barmode: "stack", xaxis: time(bucket), yaxis: { rangemode: "tozero", tickformat: ",d" } },
  }),

  shares: (rows, { words, bucket }) => ({
    data: Object.entries(SHARES).map(([name, { color, dash, symbol }]) => ({
      type: "scatter",
      mode: "lines+markers",
      name: words.columns[name],
      ...line(rows, name, bucket),
      line: { color, dash, width: 2 },
      marker: { color, symbol, size: 6 },
    })),
    layout: { xaxis: time(bucket), yaxis: { tickformat: ".0%", rangemode: "tozero" } },
  }),

  platforms: (rows, { words, threeGroups }) => ({
    data: groupsOf(threeGroups).map((label) => horizontalBar(rows.map((row) => row.platform), rows.map((row) => row[label]), label, words)),
    layout: barLayout(rows.length, { barmode: "stack", xaxis: { tickformat: ",d" } }),
  }),

  hours: (rows, { words, measure, weekdays }) => {
    const hours = [...Array(24).keys()];
    const at = (weekday, hour) => rows.find((row) => row.weekday === weekday && row.hour === hour);
    return {
      data: [
        {
          type: "heatmap",
          x: hours,
          y: weekdays,
          z: weekdays.map((_, weekday) => hours.map((hour) => valueOf(at(weekday, hour), measure))),
          colorscale: "Cividis",
          xgap: 1,
          ygap: 1,
          colorbar: { tickformat: measure === "comments" ? ",d" : ".0%", thickness: 12, outlinewidth: 0 },
          hovertemplate: `%{y} %{x}:00<br>%{z:${measure === "comments" ? ",d" : ".1%"}}<extra></extra>`,
        },
      ],
      layout: {
        xaxis: { title: { text: words.columns.hour }, dtick: 3, fixedrange: true },
        yaxis: { autorange: "reversed", type: "category", fixedrange: true },
      },
    };
  },

  keywords: (rows, { words }) => {
    const sides = ["positive", "negative"].map((side) => rows.filter((row) => row.side === side).slice(0, 12));
    const axes = ["", "2"];
    return {
      data: sides.map((found, index) => ({
        ...horizontalBar(found.map((row) => row.word), found.map((row) => row.score), index ? "negative" : "positive", words),
        xaxis: `x${axes[index]}`,
        yaxis: `y${axes[index]}`,
      })),
      layout: {
        ...barLayout(Math.max(...sides.map((found) => found.length)), {}),
        xaxis: { domain: [0, 0.4], title: { text: words.columns.score } },
        xaxis2: { domain: [0.6, 1], title: { text: words.columns.score } },
        yaxis: category(),
        yaxis2: { ...category(), anchor: "x2" },
      },
    };
  },

  reviewers: (rows, context) => corrections(rows, rows.map((row) => row.reviewer ?? context.words.nobody), context),

  models: (rows, context) => corrections(rows, rows.map((row) => row.model_name ?? context.words.noModel), context),

  accuracy: (rows, { words }) => {
    const judged = rows.filter((row) => row.judged);
    const error = (of) => judged.map(of);
    const lowest = Math.min(0.5, ...judged.map((row) => row.low - 0.02));
    return {
      data: [
        {
          type: "scatter",
          mode: "markers",
          x: judged.map((row) => row.accuracy),
          y: judged.map((row) => nameOf(row, words)),
          marker: { color: "#0072b2", size: 10 },
          error_x: {
            type: "data",
            symmetric: false,
            array: error((row) => row.high - row.accuracy),
            arrayminus: error((row) => row.accuracy - row.low),
          },
          hovertemplate: "%{y}<br>%{x:.1%}<extra></extra>",
        },
      ],
      layout: barLayout(judged.length, { xaxis: { tickformat: ".0%", range: [lowest, 1.01] }, showlegend: false }),
    };
  },
};

/** Return the columns that add up to all comments, in chart order. */
export function groupsOf(threeGroups) {
  return ["positive", ...(threeGroups ? ["undecided"] : []), "negative", "unclear", "spam"];
}

/** Return a share of the row's comments, or null if there are none. */
export function shareOf(row, name) {
  const count = { shareNegative: row.negative, shareUncertain: row.undecided, shareCorrected: row.corrected }[name];
  return row.comments ? count / row.comments : null;
}

/** Return a model's name, marked if it is the active one. */
export function nameOf(row, words) {
  return row.active ? words.active.replace("%(name)s", row.model_name) : row.model_name;
}

/** Convert a REST time to local time without a zone, because Plotly ignores time zones. */
export function localTime(text) {
  const time = new Date(text);
  return new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, -8);
}

function corrections(rows, names, { words }) {
  const agreed = rows.map((row) => row.reviews - row.corrections);
  return {
    data: [
      { ...horizontalBar(names, agreed, "positive", words), name: words.columns.confirmed },
      { ...horizontalBar(names, rows.map((row) => row.corrections), "negative", words), name: words.columns.corrected },
    ],
    layout: barLayout(rows.length, { barmode: "stack", xaxis: { tickformat: ",d" } }),
  };
}

/** Return the points of a share over time, with a gap at empty buckets. */
function line(rows, name, bucket) {
  const [x, y] = [[], []];
  for (const [index, row] of rows.entries()) {
    const gap = index ? new Date(row.start) - new Date(rows[index - 1].start) : 0;
    if (gap > 1.5 * LENGTHS[bucket]) {
      x.push(localTime(new Date(new Date(row.start) - LENGTHS[bucket]).toISOString()));
      y.push(null);
    }
    x.push(localTime(row.start));
    y.push(shareOf(row, name));
  }
  return { x, y };
}

function bar(x, y, label, words) {
  const marker = { color: COLOURS[label], pattern: { shape: PATTERNS[label], size: 5, solidity: 0.25 } };
  return { type: "bar", name: words.labels[label] ?? words.columns[label], x, y, marker };
}

function horizontalBar(y, x, label, words) {
  return { ...bar(x, y, label, words), orientation: "h" };
}

function time(bucket) {
  return { type: "date", automargin: true, nticks: 6, tickformat: TICKS[bucket], hoverformat: TICKS[bucket === "hour" ? "hour" : "week"] };
}

function category() {
  // Without the type, Plotly parses some names as numbers or dates.
  return { type: "category", autorange: "reversed", automargin: true, fixedrange: true };
}

/** Return the layout of horizontal bars, with enough height for their names. */
export function barLayout(count, more) {
  return { height: Math.max(290, 90 + 26 * count), bargap: count < 4 ? 0.6 : 0.2, yaxis: category(), ...more };
}

function valueOf(row, measure) {
  if (measure === "comments") return row?.comments ?? 0;
  return row?.comments ? row[measure] / row.comments : null;
}

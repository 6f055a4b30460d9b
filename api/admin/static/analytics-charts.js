import { countAxis, deviationOf, isPartial, lengthOf, localTime, timeAxis } from "./analytics-axes.js";

// Plotly charts for the cards, from REST rows. Colours are the Okabe-Ito palette; patterns distinguish labels without colour.
const COLOURS = { positive: "#0072b2", undecided: "#e69f00", negative: "#d55e00", unclear: "#999999", spam: "#cc79a7" };
const PATTERNS = { positive: "", undecided: "-", negative: "/", unclear: ".", spam: "x" };
const SHARES = {
  shareNegative: { color: "#d55e00", dash: "solid", symbol: "circle" },
  shareUncertain: { color: "#0072b2", dash: "dash", symbol: "square" },
  shareCorrected: { color: "#009e73", dash: "dot", symbol: "diamond" },
};
const NEUTRAL = { light: "#e8ebef", dark: "#2f3b4d" };
// Deviations below this would make the strongest colour.
const LEAST_SCALE = 0.1;

/** Plotly traces and layout by card. `context` is that of analytics.js. */
export const figures = {
  labels: (rows, { words, bucket, threeGroups, range }) => {
    const partial = rows.map((row) => isPartial(row, bucket, range));
    const x = rows.map((row) => localTime(row.start));
    return {
      data: groupsOf(threeGroups).map((label) => hatched(bar(x, rows.map((row) => row[label]), label, words), label, partial)),
      layout: { barmode: "stack", xaxis: timeAxis(rows, bucket), yaxis: countAxis(most(rows, "comments")) },
    };
  },

  shares: (rows, { words, bucket, range }) => ({
    data: Object.entries(SHARES).map(([name, { color, dash, symbol }]) => ({
      type: "scatter",
      mode: "lines+markers",
      name: words.columns[name],
      ...pointsOf(rows, name, bucket),
      line: { color, dash, width: 2 },
      marker: { color, symbol: line(rows, name, bucket).of.map((row) => (row && isPartial(row, bucket, range) ? `${symbol}-open` : symbol)), size: 7 },
    })),
    layout: { xaxis: timeAxis(rows, bucket), yaxis: { tickformat: ".0%", rangemode: "tozero" } },
  }),

  platforms: (rows, { words, threeGroups }) => ({
    data: groupsOf(threeGroups).map((label) => horizontalBar(rows.map((row) => row.platform), rows.map((row) => row[label]), label, words)),
    layout: barLayout(rows.length, { barmode: "stack", xaxis: countAxis(most(rows, "comments")) }),
  }),

  hours: (rows, { words, measure, weekdays, numbers, percents }) => {
    const hours = [...Array(24).keys()];
    const total = { comments: sum(rows, "comments"), negative: sum(rows, "negative"), undecided: sum(rows, "undecided"), corrected: sum(rows, "corrected") };
    const at = (weekday, hour) => deviationOf(rows.find((row) => row.weekday === weekday && row.hour === hour), measure, total);
    const cells = weekdays.map((_, weekday) => hours.map((hour) => at(weekday, hour)));
    const z = cells.map((row) => row.map((cell) => (cell.value === null ? null : cell.significant ? cell.deviation : 0)));
    const scale = Math.max(LEAST_SCALE, ...z.flat().map((value) => Math.abs(value ?? 0)));
    const neutral = NEUTRAL[document.documentElement.dataset.bsTheme] ?? NEUTRAL.light;
    const shown = (cell) => (cell.value === null ? "–" : measure === "comments" ? numbers.format(cell.value) : percents.format(cell.value));
    const sign = new Intl.NumberFormat(document.documentElement.lang, { style: "percent", signDisplay: "exceptZero", maximumFractionDigits: 1 });
    const text = cells.map((row) => row.map((cell) => `${shown(cell)}<br>${cell.significant ? sign.format(cell.deviation) : words.byChance}`));
    return {
      data: [
        {
          type: "heatmap",
          x: hours,
          y: weekdays,
          z,
          text,
          zmin: -scale,
          zmax: scale,
          colorscale: [[0, "#0072b2"], [0.5, neutral], [1, "#d55e00"]],
          xgap: 1,
          ygap: 1,
          colorbar: { tickformat: "+.0%", thickness: 12, outlinewidth: 0 },
          hovertemplate: "%{y} %{x}:00<br>%{text}<extra></extra>",
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

  accuracy: (rows, { words, percents }) => {
    const judged = rows.filter((row) => row.judged);
    const error = (of) => judged.map(of);
    const lowest = Math.max(0, Math.min(0.5, ...judged.map((row) => Math.floor(10 * row.low) / 10)));
    const title = lowest > 0 ? words.axisFrom.replace("%(start)s", percents.format(lowest)) : "";
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
      layout: barLayout(judged.length, { xaxis: { tickformat: ".0%", range: [lowest, 1.01], title: { text: title } }, showlegend: false }),
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

function corrections(rows, names, { words }) {
  const agreed = rows.map((row) => row.reviews - row.corrections);
  return {
    data: [
      { ...horizontalBar(names, agreed, "positive", words), name: words.columns.confirmed },
      { ...horizontalBar(names, rows.map((row) => row.corrections), "negative", words), name: words.columns.corrected },
    ],
    layout: barLayout(rows.length, { barmode: "stack", xaxis: countAxis(most(rows, "reviews")) }),
  };
}

/** Return the points of a share over time, with a gap at empty buckets. */
function line(rows, name, bucket) {
  const [x, y, of] = [[], [], []];
  for (const [index, row] of rows.entries()) {
    const gap = index ? new Date(row.start) - new Date(rows[index - 1].start) : 0;
    if (gap > 1.5 * lengthOf(bucket)) {
      x.push(localTime(new Date(new Date(row.start) - lengthOf(bucket)).toISOString()));
      y.push(null);
      of.push(null);
    }
    x.push(localTime(row.start));
    y.push(shareOf(row, name));
    of.push(row);
  }
  return { x, y, of };
}

function bar(x, y, label, words) {
  const marker = { color: COLOURS[label], pattern: { shape: PATTERNS[label], size: 5, solidity: 0.25 } };
  return { type: "bar", name: words.labels[label] ?? words.columns[label], x, y, marker };
}

function horizontalBar(y, x, label, words) {
  return { ...bar(x, y, label, words), orientation: "h" };
}

/** Hatch the bars of periods that are not complete. */
function hatched(trace, label, partial) {
  const shape = partial.map((one) => (one ? "\\" : PATTERNS[label]));
  return { ...trace, marker: { ...trace.marker, pattern: { ...trace.marker.pattern, shape } } };
}

function pointsOf(rows, name, bucket) {
  const { x, y } = line(rows, name, bucket);
  return { x, y };
}

const most = (rows, name) => Math.max(0, ...rows.map((row) => row[name]));
const sum = (rows, name) => rows.reduce((total, row) => total + row[name], 0);

function category() {
  // Without the type, Plotly parses some names as numbers or dates.
  return { type: "category", autorange: "reversed", automargin: true, fixedrange: true };
}

/** Return the layout of horizontal bars, with enough height for their names. */
export function barLayout(count, more) {
  return { height: Math.max(290, 90 + 26 * count), bargap: count < 4 ? 0.6 : 0.2, yaxis: category(), ...more };
}

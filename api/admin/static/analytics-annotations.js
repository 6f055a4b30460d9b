// Promotions of models and notices in the time charts: numbered lines, a list, and a column of the table.
import { lengthOf, localTime } from "./analytics-axes.js";
import { pathOf } from "./analytics-range.js";
import { rest, showTime } from "./rest.js";
import { fillIn } from "./word-marks.js";

/** Return the annotations of the range, each with its number and its text. */
export async function fetchAnnotations(range, words) {
  const { rows } = await rest("GET", pathOf("annotations", range));
  return rows.map((row, index) => ({
    at: row.at,
    number: index + 1,
    text: fillIn(words[row.kind], { title: row.title }),
  }));
}

/** Add the annotations to the layout of a time chart: a line at their bucket with their numbers. */
export function annotate(layout, annotations, rows, bucket, style) {
  const numbers = new Map();
  for (const { at, number } of annotations) {
    const x = localTime(bucketOf(at, rows, bucket));
    numbers.set(x, [...(numbers.get(x) ?? []), number]);
  }
  const ink = style.getPropertyValue("--tblr-body-color");
  return {
    ...layout,
    shapes: [...numbers.keys()].map((x) => ({ type: "line", x0: x, x1: x, yref: "paper", y0: 0, y1: 1, line: { color: ink, width: 1.5, dash: "dot" } })),
    annotations: [...numbers].map(([x, found]) => ({
      x,
      yref: "paper",
      y: 1,
      yanchor: "top",
      text: found.join(", "),
      showarrow: false,
      font: { size: 12, color: ink },
      bgcolor: style.getPropertyValue("--tblr-bg-surface"),
      bordercolor: ink,
      borderpad: 2,
    })),
  };
}

/** List the annotations in `target`, in the order of their numbers. */
export function listAnnotations(target, annotations) {
  target.hidden = annotations.length === 0;
  target.replaceChildren(
    ...annotations.map(({ at, text }) => {
      const item = document.createElement("li");
      item.textContent = `${showTime(at)} ${text}`;
      return item;
    }),
  );
}

/** Return the texts of the annotations in the bucket of a row. */
export function annotationsOf(row, annotations, bucket) {
  const start = Date.parse(row.start);
  return annotations.filter(({ at }) => Date.parse(at) >= start && Date.parse(at) < start + lengthOf(bucket)).map(({ text }) => text);
}

// The start of the bucket in which `at` lies.
function bucketOf(at, rows, bucket) {
  const [first, length] = [Date.parse(rows[0].start), lengthOf(bucket)];
  return new Date(first + Math.floor((Date.parse(at) - first) / length) * length).toISOString();
}

// Compare the share of negative comments with earlier periods, and name what contributes most to a change.
import { commentsUrl } from "./analytics-links.js";
import { pathOf } from "./analytics-range.js";
import { Problem, rest } from "./rest.js";
import { fillIn } from "./word-marks.js";

// Two-sided test at 5 %.
const SIGNIFICANT = 0.05;
const SMALLEST_P = 0.001;
// Smaller contributions explain nothing.
const SMALLEST_SHARE = 0.05;
const MOST_NAMED = 3;
const HOUR = 3_600_000;
// The API explains changes of at most this long.
const LONGEST = 366 * 24 * HOUR;

/** Fill the list `target` with a sentence for each earlier period. */
export async function showComparisons(target, context) {
  const { range } = context;
  if (!range.query.created_from) return;
  const { rows } = await rest("GET", pathOf("changes", range));
  target.replaceChildren(...rows.map((row) => itemOf(row, context)));
  target.hidden = rows.length === 0;
}

function itemOf(row, context) {
  const { words, links, range } = context;
  const item = document.createElement("li");
  const sentence = document.createElement("span");
  sentence.append(changeIn(row, context), words.fullStop);
  item.append(sentence);
  if (links && row.p_value < SIGNIFICANT && lengthOf(range.query) <= LONGEST) item.append(" ", explainButton(row, sentence, context));
  return item;
}

const lengthOf = ({ created_from, created_to }) => Date.parse(created_to) - Date.parse(created_from);

function explainButton(row, sentence, context) {
  const { words } = context;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "btn btn-sm";
  button.textContent = words.explain;
  button.addEventListener("click", async () => {
    button.disabled = true;
    button.textContent = words.explaining;
    try {
      const path = pathOf("drivers", { ...context.range, query: { ...context.range.query, baseline: row.baseline } });
      sentence.replaceChildren(...explained(await rest("GET", path), row, context));
      button.remove();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      sentence.replaceChildren(changeIn(row, context), words.fullStop, " ", error.message);
      button.disabled = false;
      button.textContent = words.explain;
    }
  });
  return button;
}

function changeIn(row, { words, percents, numbers }) {
  const now = row.negative / row.comments;
  const tested = row.p_value < SMALLEST_P ? `p < ${numbers.format(SMALLEST_P)}` : `p = ${row.p_value.toFixed(3)}`;
  return fillIn(words.changes[row.baseline][row.difference < 0 ? "lower" : "higher"], {
    share: percents.format(now),
    before: percents.format(row.negative_before / row.comments_before),
    comments: numbers.format(row.comments_before),
    points: numbers.format(Math.abs(Math.round(1000 * row.difference) / 10)),
    days: numbers.format(row.shift_hours / 24),
    tested: row.p_value < SIGNIFICANT ? tested : `${tested}${words.separator}${words.byChance}`,
  });
}

/** Return the sentence with the groups that contribute most, each a link to its comments. */
function explained(answer, row, context) {
  const { words, numbers } = context;
  const named = best(answer.rows, context);
  const sampled = answer.read < row.comments || answer.read_before < row.comments_before;
  const note = sampled ? fillIn(words.sampled, { now: numbers.format(answer.read), before: numbers.format(answer.read_before) }) : "";
  if (!named.length) return [changeIn(row, context), words.nothingExplains, note, words.fullStop];
  const between = (index) => (index === 0 ? "" : index === named.length - 1 ? words.lastSeparator : words.listSeparator);
  const links = named.flatMap((group, index) => [between(index), ...partOf(group, row, context)]);
  return [changeIn(row, context), words.ofWhich, ...links, note, words.fullStop];
}

// The largest group of each kind, the most specific kinds first. With a platform chosen, it explains nothing.
function best(rows, { range }) {
  const kinds = new Map();
  for (const row of rows) {
    if (row.share >= SMALLEST_SHARE && !kinds.has(row.kind) && !(row.kind === "platform" && range.query.platform)) kinds.set(row.kind, row);
  }
  return [...kinds.values()].slice(0, MOST_NAMED);
}

function partOf(group, change, context) {
  const { words, percents } = context;
  const [before, after] = words.from[group.kind].split("%(name)s");
  const share = group.share > 1 ? words.overAll : percents.format(group.share);
  const link = document.createElement("a");
  link.href = commentsUrl({ ...periodOf(group, change, context), [group.kind === "word" ? "text" : group.kind]: group.name });
  link.className = "written";
  link.textContent = group.name;
  return [fillIn(before, { share }), link, fillIn(after, { share })];
}

// A group that has ended has comments only in the earlier period.
function periodOf(group, change, { range }) {
  const shift = group.comments ? 0 : change.shift_hours * HOUR;
  const moved = (time) => new Date(Math.floor(Date.parse(time) / HOUR) * HOUR - shift).toISOString();
  return { ...range.query, created_from: moved(range.query.created_from), created_to: moved(range.query.created_to) };
}

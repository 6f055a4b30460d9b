// Show a comment on the review page with its context and the contributions of its words.
import { rest, showTime } from "./rest.js";
import { element, fill, find, historyPath, keyOf, show } from "./review-page.js";
import { markWords, percent, verdictOf } from "./word-marks.js";

/** Show a task and set its `modelLabel`, which Enter accepts; it is null for blind and disputed tasks. */
export function showTask(task, words) {
  const { comment } = task;
  const predicted = comment.probability === null ? null : comment.probability >= 0.5 ? "positive" : "negative";
  task.modelLabel = task.opinions.length ? null : predicted;
  fill("text", comment.text);
  show("edited", Boolean(task.edited));
  show("legend", !task.blind); // A blind task never gets colours.
  showLegend(false);
  find("meta").replaceChildren(...metaOf(task, words));
  find("model").replaceChildren(...(task.blind ? [words.hiddenModel] : modelOf(comment, predicted, words)));
  for (const label of find("decision").querySelectorAll(".review-label")) {
    label.classList.toggle("is-model", label.htmlFor === `label-${task.modelLabel}`);
    label.classList.toggle("is-uncertain", Boolean(comment.uncertain));
  }
  list("opinions", task.opinions.map((opinion) => opinionItem(opinion, words)));
  list("reviews", task.reviews.filter((review) => review.withdraws === null).map((review) => reviewItem(review, words)));
  list("versions", task.earlier_versions.map((version) => textItem(version.text, showTime(version.replaced_at), words.replaced)));
  // Copies add nothing: each text is shown once.
  const seen = new Set([comment.text]);
  const isNew = ({ text }) => !seen.has(text) && seen.add(text);
  list("thread", task.thread.filter(isNew).map((other) => neighbourItem(other)));
  // Comments of the author in the same thread are already shown there.
  const inThread = new Set(task.thread.map(keyOf));
  list("author", task.author.filter((other) => !inThread.has(keyOf(other)) && isNew(other)).map((other) => neighbourItem(other)));
  show("alone", !(task.opinions.length + task.reviews.length + task.earlier_versions.length + task.thread.length + task.author.length));
}

/** Mark the words of the text by their contributions. If the request fails, the text stays unmarked. */
export async function explain(task, isCurrent) {
  if (task.blind) return;
  try {
    task.words ??= (await rest("POST", "/predict", { texts: [task.comment.text], explain: true }, { wait: false })).predictions[0].words;
  } catch {
    return; // The marks are optional.
  }
  if (isCurrent()) showLegend(markWords(find("text"), task.comment.text, task.words ?? []));
}

/** Show or hide the legend; hidden, it still takes its space, so that the layout does not shift. */
function showLegend(shown) {
  find("legend").style.visibility = shown ? "visible" : "hidden";
}

/** Return the text's number of occurrences and the earlier decision for it. */
function occurrencesOf({ occurrences, more_occurrences, earlier_decision }, words) {
  const parts = [];
  if (occurrences > 1) {
    const count = `${occurrences.toLocaleString(document.documentElement.lang)}${more_occurrences ? "+" : ""}`;
    parts.push(element("strong", "review-occurrences", words.occurrences.replace("{n}", count)));
  }
  if (earlier_decision) {
    const { label, decided_at } = earlier_decision;
    parts.push(element("span", "", `${words.decidedBefore} ${words.labels[label]} · ${showTime(decided_at)}`));
  }
  return parts;
}

/** Return the comment's metadata, without the link to its history where that would reveal labels and reviewers. */
function metaOf(task, words) {
  const { comment } = task;
  const parts = [
    ...occurrencesOf(task, words),
    element("span", "badge comment-label", comment.platform),
    time(comment.created_at),
    comment.edited_at ? element("span", "", `${words.edited} `, time(comment.edited_at)) : "",
    comment.author ? element("span", "", `${words.author} ${comment.author}`) : "",
    comment.thread ? element("span", "", `${words.thread} ${comment.thread}`) : "",
  ];
  if (task.blind || task.opinions.length || find("other-opinion")) return parts.filter(Boolean);
  const link = element("a", "", words.history);
  link.href = historyPath(comment);
  link.target = "_blank";
  return [...parts.filter(Boolean), link];
}

function time(text) {
  const shown = element("time", "", showTime(text));
  shown.dateTime = text;
  return shown;
}

function modelOf(comment, label, words) {
  if (!label) return [words.noModel];
  const verdict = verdictOf({ label, uncertain: comment.uncertain }, words);
  const probability = words.probability.replace("{percent}", percent(comment.probability));
  const parts = [`${words.model} `, element("strong", "", verdict), ` · ${probability}`];
  if (comment.label_source === "other_model") parts.push(` (${words.otherModel})`);
  return parts;
}

function list(id, items) {
  show(id, items.length > 0);
  find(id).querySelector("ul").replaceChildren(...items);
}

function opinionItem({ label, reason }, words) {
  const why = reason ? [element("span", "written", reason)] : [];
  return element("li", "", element("strong", "", words.labels[label]), ...why);
}

function reviewItem(review, words) {
  const from = review.from_label ? `${verdictOf({ label: review.from_label, uncertain: review.from_uncertain }, words)} → ` : "";
  const line = element("div", review.withdrawn ? "text-decoration-line-through" : "", from, element("strong", "", words.labels[review.label]));
  if (review.withdrawn) line.append(` (${words.withdrawn})`);
  const who = element("div", "text-secondary small", `${review.reviewer} · ${showTime(review.reviewed_at)}`);
  const why = review.reason ? [element("div", "written small", review.reason)] : [];
  return element("li", "list-group-item", line, who, ...why);
}

function textItem(text, when, prefix) {
  return element("li", "list-group-item", element("div", "written", text), element("div", "text-secondary small", `${prefix} ${when}`));
}

function neighbourItem(comment) {
  const item = element("li", "list-group-item", element("div", "written review-neighbour", comment.text));
  const author = comment.author ? `${comment.author} · ` : "";
  const link = element("a", "text-secondary small", `${author}${showTime(comment.created_at)}`);
  link.href = historyPath(comment);
  link.target = "_blank";
  item.append(link);
  return item;
}

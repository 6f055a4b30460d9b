// One comment on the review page, with its context and with what the words of its text contributed.
import { rest, showTime } from "./rest.js";
import { element, fill, find, historyPath, keyOf, show } from "./review-page.js";
import { markWords, percent, verdictOf } from "./word-marks.js";

/** Show a task of the queue; sets its `modelLabel`, which Enter accepts. A blind task and a disputed one have none. */
export function showTask(task, words) {
  const { comment } = task;
  const predicted = comment.probability === null ? null : comment.probability >= 0.5 ? "positive" : "negative";
  task.modelLabel = task.opinions.length ? null : predicted;
  fill("text", comment.text);
  show("edited", Boolean(task.edited));
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
  list("thread", task.thread.map((other) => neighbourItem(other)));
  // Who wrote in the same thread is shown there.
  const inThread = new Set(task.thread.map(keyOf));
  list("author", task.author.filter((other) => !inThread.has(keyOf(other))).map((other) => neighbourItem(other)));
  show("alone", !(task.opinions.length + task.reviews.length + task.earlier_versions.length + task.thread.length + task.author.length));
}

/** Mark what the words of the text contributed, once the model says so; without an answer the text stays as it is. */
export async function explain(task, isCurrent) {
  if (task.blind) return;
  try {
    task.words ??= (await rest("POST", "/predict", { texts: [task.comment.text], explain: true }, { reload: false })).predictions[0].words;
  } catch {
    return; // Colours are a help, not part of the work.
  }
  if (isCurrent()) showLegend(markWords(find("text"), task.comment.text, task.words ?? []));
}

/** It keeps its place while it is not shown: what is below it must not move when the colours come. */
function showLegend(shown) {
  find("legend").style.visibility = shown ? "visible" : "hidden";
}

/** How often the text occurs, and what was decided for it before. */
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

/** A blind task has no link to its history, which would say what the model says. */
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
  if (task.blind) return parts.filter(Boolean);
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
  const said = verdictOf({ label, uncertain: comment.uncertain }, words);
  const probability = words.probability.replace("{percent}", percent(comment.probability));
  const parts = [`${words.model} `, element("strong", "", said), ` · ${probability}`];
  if (comment.label_source === "other_model") parts.push(` (${words.otherModel})`);
  return parts;
}

function list(id, items) {
  show(id, items.length > 0);
  find(id).querySelector("ul").replaceChildren(...items);
}

function opinionItem({ label, reason }, words) {
  const why = reason ? [element("div", "written small", reason)] : [];
  return element("li", "list-group-item", element("strong", "", words.labels[label]), ...why);
}

function reviewItem(review, words) {
  const from = review.from_label ? `${words.labels[review.from_label]} → ` : "";
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

// One comment on the review page, with its context and with what the words of its text contributed.
import { rest, showTime } from "./rest.js";
import { element, fill, find, historyPath, keyOf, show } from "./review-page.js";
import { markWords, percent, verdictOf } from "./word-marks.js";

/** Show a task of the queue; sets its `modelLabel`, which Enter accepts. */
export function showTask(task, words) {
  const { comment } = task;
  task.modelLabel = comment.probability === null ? null : comment.probability >= 0.5 ? "positive" : "negative";
  fill("text", comment.text);
  show("edited", Boolean(task.edited));
  showLegend(false);
  find("meta").replaceChildren(...metaOf(comment, words));
  find("model").replaceChildren(...modelOf(comment, task.modelLabel, words));
  for (const label of find("decision").querySelectorAll(".review-label")) {
    label.classList.toggle("is-model", label.htmlFor === `label-${task.modelLabel}`);
    label.classList.toggle("is-uncertain", Boolean(comment.uncertain));
  }
  list("reviews", task.reviews.filter((review) => review.withdraws === null).map((review) => reviewItem(review, words)));
  list("versions", task.earlier_versions.map((version) => textItem(version.text, showTime(version.replaced_at), words.replaced)));
  list("thread", task.thread.map((other) => neighbourItem(other)));
  // Who wrote in the same thread is shown there.
  const inThread = new Set(task.thread.map(keyOf));
  list("author", task.author.filter((other) => !inThread.has(keyOf(other))).map((other) => neighbourItem(other)));
  show("alone", !(task.reviews.length + task.earlier_versions.length + task.thread.length + task.author.length));
}

/** Mark what the words of the text contributed, once the model says so; without an answer the text stays as it is. */
export async function explain(task, isCurrent) {
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

function metaOf(comment, words) {
  const parts = [
    element("span", "badge comment-label", comment.platform),
    time(comment.created_at),
    comment.edited_at ? element("span", "", `${words.edited} `, time(comment.edited_at)) : "",
    comment.author ? element("span", "", `${words.author} ${comment.author}`) : "",
    comment.thread ? element("span", "", `${words.thread} ${comment.thread}`) : "",
  ];
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

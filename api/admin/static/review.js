// The review page: show one comment at a time, decide by keys and send the decisions in the background.
import { rest, words } from "./rest.js";
import { fill, find, show } from "./review-page.js";
import { Progress } from "./review-progress.js";
import { showReasons, wireReasons } from "./review-reasons.js";
import { Settling, Watch } from "./review-settle.js";
import { fitSwipes, wireSwipes } from "./review-swipe.js";
import { explain, showTask } from "./review-task.js";
import { Queue } from "./review-queue.js";
import { Sender } from "./review-sender.js";

const WORDS = words("review-words");
const SAVE_AT_ONCE = words("review-settings").numberKeys === "save";
const LABELS = ["positive", "negative", "unclear", "spam"];
// Explanations are requested after this delay, so that quick decisions do not keep the model busy.
const EXPLAIN_AFTER = 250;
const UNDO_AT_MOST = 100;
// The API's maximum of shown_milliseconds, a day.
const LONGEST_SHOWN = 86_400_000;

const form = find("decision");
const undoButtons = document.querySelectorAll(".undo");
const decisions = []; // Decisions on this page, newest last: { task, label, job, undone }; a skip has the label null.
let current = null;
let turn = 0; // Counts requests to show a task, so that a late response does not replace a newer task.
let explaining = null;

const progress = new Progress(WORDS);
const watch = new Watch();
const settling = new Settling(form);
const sender = new Sender(showSending);
const queue = new Queue(words("review-request"), count, showFetching);

form.addEventListener("submit", (event) => {
  event.preventDefault();
  // Enter in the reason field without a chosen label only leaves the field.
  if (document.activeElement === find("reason") && !chosen()) return leaveReason();
  accept();
});
form.addEventListener("change", () => fill("accept-words", acceptWords()));
find("skip").addEventListener("click", skip);
for (const button of undoButtons) button.addEventListener("click", undo);
find("retry").addEventListener("click", () => sender.retry());
find("look-again").addEventListener("click", () => advance());
find("show-keys").addEventListener("click", () => find("keys").showModal());
document.addEventListener("keydown", press);
find("reason").addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !event.isComposing) leaveReason();
});
wireReasons();
wireSwipes(swipe, { ...WORDS.labels, skip: find("skip").lastChild.textContent.trim() });
window.addEventListener("beforeunload", (event) => sender.unsent && event.preventDefault());
window.addEventListener("pageshow", (event) => event.persisted && window.location.reload());
advance();

/** Show the next comment, immediately if it was prefetched. `said` is announced before it. */
async function advance(said = "") {
  const mine = ++turn;
  current = null;
  const waiting = queue.ready ? null : setTimeout(() => showOnly("loading"), 150);
  const task = await queue.next();
  clearTimeout(waiting);
  if (mine === turn) present(task, null, said);
  else if (task) queue.putFirst(task);
}

function present(task, label = null, said = "") {
  current = task;
  watch.show(task);
  showOnly(task ? "task" : "nothing");
  if (!task) return announce(`${said} ${find("nothing").querySelector(".empty-title").textContent}`);
  form.reset();
  showReasons();
  settling.begin();
  if (label) find(`label-${label}`).checked = true;
  showTask(task, WORDS);
  fill("accept-words", acceptWords());
  window.scrollTo({ top: 0, behavior: "instant" });
  fitSwipes();
  announce(`${said} ${WORDS.next} ${task.comment.text}`);
  clearTimeout(explaining);
  explaining = setTimeout(() => explain(task, () => current === task), EXPLAIN_AFTER);
}

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.isComposing) return;
  if (typing(event.target) || find("keys").open) return;
  const key = event.key.toLowerCase();
  if (key === "?" || key === "？") find("keys").showModal();
  else if (key === "z") undo();
  else if (!current) return;
  else if (LABELS[key - 1]) decideByKey(LABELS[key - 1]);
  else if (key === "r") find("reason").focus();
  else if (key === "s") skip();
  else if (key === "enter" && !event.target.closest("a, button, summary")) accept();
  else return;
  event.preventDefault();
}

const typing = (target) => target.matches("textarea, select, input:not([type=radio]), [contenteditable]");

/** Leave the reason field, keeping its text, so that keys decide again. */
function leaveReason() {
  find("reason").blur();
}

function decideByKey(label) {
  if (settling.active) return;
  choose(label);
  if (SAVE_AT_ONCE) accept();
}

function swipe(gesture) {
  if (gesture === "skip") return skip();
  if (settling.active) return;
  choose(gesture);
  accept();
}

function choose(label) {
  const choice = find(`label-${label}`);
  choice.checked = true;
  fill("accept-words", acceptWords());
  announce(WORDS.chosen[label]);
}

/** Send the chosen label, or else the model's, and advance, unless the text has just appeared. */
function accept() {
  if (!current || settling.active) return;
  const label = chosen() ?? current.modelLabel;
  if (!label) return say(WORDS.chooseFirst);
  const task = current;
  const { platform, id, version, text_digest } = task.comment;
  const reason = find("reason").value.trim() || null;
  const review = {
    platform, id, version, text_digest, label, reason,
    blind: task.blind,
    shown_milliseconds: Math.min(watch.milliseconds, LONGEST_SHOWN),
    all_occurrences: task.occurrences !== null, // Such a task covers all comments with the same text.
  };
  const job = sender.send(() => rest("POST", "/reviews", review, { wait: false }));
  const decision = { task, label, job, undone: false };
  job.answer.then((answer) => handleStored(decision, answer), (problem) => handleRefused(decision, problem));
  finish(decision);
}

function skip() {
  if (!current || settling.active) return;
  const { comment } = current;
  const name = { platform: comment.platform, id: comment.id };
  const job = sender.send(() => rest("POST", "/reviews/skip", name, { wait: false }));
  const decision = { task: current, label: null, job, undone: false };
  job.answer.then(() => handleStored(decision), () => {});
  finish(decision);
}

/** Remember a decision for undo and advance. */
function finish(decision) {
  decisions.push(decision);
  if (decisions.length > UNDO_AT_MOST) decisions.shift();
  if (decision.label) progress.decide(1, commentsOf(decision));
  say(null);
  show("undone", false);
  showUndo();
  advance(decision.label ? WORDS.stored[decision.label] : WORDS.skipped);
}

/** Undo the latest decision and show its comment again with the chosen label. */
function undo() {
  const decision = decisions.pop();
  if (!decision) {
    show("undone", false);
    return say(WORDS.nothingToUndo);
  }
  decision.undone = true;
  showUndo();
  if (find("other-opinion")) fill("other-opinion", "");
  if (current) queue.putFirst(current);
  if (decision.label) progress.decide(-1, commentsOf(decision));
  if (!sender.cancel(decision.job)) withdraw(decision);
  turn += 1;
  queue.hold(decision.task);
  present(decision.task, decision.label);
  const sentence = undoneWords(decision);
  fill("undone", sentence);
  show("undone", true);
  announce(`${sentence} ${decision.task.comment.text}`);
}

function undoneWords(decision) {
  const { label, task } = decision;
  const comments = commentsOf(decision);
  if (!label || comments === 1) return WORDS.undone[label ?? "skip"];
  return WORDS.undoneForAll[label].replace("{n}", `${number(comments)}${task.more_occurrences ? "+" : ""}`);
}

function withdraw({ task, label, job }) {
  const { comment } = task;
  if (label === null) {
    sender.send(() => queue.claim(comment));
    return;
  }
  const withdrawal = sender.send(async () => {
    const { number } = await job.answer;
    const reviews = [{ platform: comment.platform, id: comment.id, number }];
    return (await rest("POST", "/reviews/withdraw", { reviews }, { wait: false })).results[0];
  });
  withdrawal.answer.then(
    ({ state }) => state === "withdrawn" || say(WORDS.notUndone),
    (problem) => say(problem.message),
  );
}

/** Drop the lease of a stored decision, unless it was undone and the comment is shown again. */
function handleStored(decision, answer) {
  if (decision.undone) return;
  queue.forget(decision.task.comment);
  if (decision.label && decisions.at(-1) === decision) showOther(answer);
}

/** In the queue of second opinions, show the other reviewer's label for the previous comment. */
function showOther({ label, from_label, second_opinion }) {
  if (!find("other-opinion")) return;
  if (!second_opinion) fill("other-opinion", "");
  else if (from_label === label) fill("other-opinion", WORDS.alsoSaid[label]);
  else fill("other-opinion", WORDS.hadSaid.replace("{theirs}", WORDS.labels[from_label]).replace("{yours}", WORDS.labels[label]));
}

/** Explain why a decision was not stored, and show its comment next with its current text. */
async function handleRefused(decision, problem) {
  const index = decisions.indexOf(decision);
  if (index < 0) return; // The decision was undone.
  decisions.splice(index, 1);
  showUndo();
  if (decision.label) progress.decide(-1, commentsOf(decision));
  queue.forget(decision.task.comment);
  if (problem.code === "no_comment") return say(WORDS.erased);
  const edited = problem.code === "edited_meanwhile";
  say(edited ? WORDS.editedNext : `${problem.message} ${WORDS.comesNext}`);
  const again = sender.send(() => queue.claim(decision.task.comment));
  try {
    queue.putFirst({ ...(await again.answer), edited });
    if (!current) advance();
  } catch (other) {
    say(other.message);
  }
}

function acceptWords() {
  const label = chosen();
  if (label) return WORDS.accept[label];
  return current?.modelLabel ? WORDS.acceptModel[current.modelLabel] : WORDS.chooseFirst;
}

function chosen() {
  return new FormData(form).get("label");
}

/** Apply the server's counts, corrected by decisions that it did not know when it counted. */
function count(answer, requestedAt) {
  const possible = decisions.filter(({ label, job }) => label && (!job.settled || job.settled > requestedAt));
  const unknown = possible.slice(Math.max(possible.length - Math.max(progress.done - answer.done_today, 0), 0));
  progress.count(answer, unknown.length, unknown.reduce((sum, decision) => sum + commentsOf(decision), 0));
  if (answer.goal) showGoal(answer.goal);
}

/** Return the number of waiting comments that a decision covers. */
const commentsOf = ({ task }) => task.occurrences ?? 1;

/** Show the progress of the audit: blind decisions so far and the number still needed. */
function showGoal({ judged, more }) {
  find("goal").value = judged / Math.max(judged + more, 1);
  const words = more ? WORDS.goal : WORDS.goalReached;
  fill("goal-words", words.replace("{judged}", number(judged)).replace("{more}", number(more)));
}

const number = (value) => value.toLocaleString(document.documentElement.lang);

function showSending({ unsent, trouble }) {
  find("sending").classList.toggle("is-sending", unsent > 0);
  fill("sending", unsent ? WORDS.sending.replace("{n}", unsent) : WORDS.allStored);
  const signedOut = trouble?.status === 401;
  show("trouble", trouble !== null);
  show("sign-in", signedOut);
  if (trouble) fill("trouble-words", WORDS[signedOut ? "signedOut" : "notSent"].replace("{n}", unsent));
}

function showFetching(problem, again) {
  const sentence = problem?.status === 401 ? WORDS.signedOutEmpty : problem?.message;
  if (problem) say(again && problem.status !== 401 ? `${sentence} ${WORDS.fetchAgain}` : sentence, "fetching");
  else if (find("message").dataset.about === "fetching") say(null);
}

function showUndo() {
  for (const button of undoButtons) button.disabled = !decisions.length;
}

function say(sentence, about = "") {
  show("message", sentence !== null);
  fill("message", sentence ?? "");
  find("message").dataset.about = about;
}

function announce(sentence) {
  fill("announce", sentence);
}

function showOnly(name) {
  for (const part of ["loading", "nothing", "task"]) show(part, part === name);
}

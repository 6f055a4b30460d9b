// The review page: one comment at a time, decided by a key. What is decided is sent in the background.
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
// Words are coloured for who stops to read: whoever decides at once does not keep the model busy.
const EXPLAIN_AFTER = 250;
const UNDO_AT_MOST = 100;
// The longest time that the server takes for the showing of a text: a day, in milliseconds.
const LONGEST_SHOWN = 86_400_000;

const form = find("decision");
const undoButtons = document.querySelectorAll(".undo");
const made = []; // What was decided here, the newest last: { task, label, order, undone }; label null is a skip.
let current = null;
let turn = 0; // Counts what was asked to be shown: an answer that comes too late is not shown over a newer one.
let explaining = null;

const progress = new Progress(WORDS);
const watch = new Watch();
const settling = new Settling(form);
const sender = new Sender(showSending);
const queue = new Queue(words("review-wanted"), count, showFetching);

form.addEventListener("submit", (event) => {
  event.preventDefault();
  // Enter ends what is typed as a reason; without a chosen label it accepts nothing.
  if (document.activeElement === find("reason") && !chosen()) return leaveReason();
  accept();
});
form.addEventListener("change", () => fill("accept-words", acceptWords()));
find("skip").addEventListener("click", skip);
for (const button of undoButtons) button.addEventListener("click", undo);
find("retry").addEventListener("click", () => sender.retry());
find("look-again").addEventListener("click", advance);
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

/** Show the next comment; at once where it was fetched ahead. */
async function advance() {
  const mine = ++turn;
  current = null;
  const waiting = queue.ready ? null : setTimeout(() => showOnly("loading"), 150);
  const task = await queue.next();
  clearTimeout(waiting);
  if (mine === turn) present(task);
  else if (task) queue.putFirst(task);
}

function present(task, label = null) {
  current = task;
  watch.show(task);
  showOnly(task ? "task" : "nothing");
  if (!task) return announce(find("nothing").querySelector(".empty-title").textContent);
  form.reset();
  showReasons();
  settling.begin();
  if (label) find(`label-${label}`).checked = true;
  showTask(task, WORDS);
  fill("accept-words", acceptWords());
  window.scrollTo({ top: 0, behavior: "instant" });
  fitSwipes();
  announce(`${WORDS.next} ${task.comment.text}`);
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

/** Keys are keys again afterwards; what was typed stays. */
function leaveReason() {
  find("reason").blur();
}

function decideByKey(label) {
  if (settling.active) return;
  choose(label);
  if (SAVE_AT_ONCE) accept();
}

function swipe(meant) {
  if (meant === "skip") return skip();
  if (settling.active) return;
  choose(meant);
  accept();
}

function choose(label) {
  const choice = find(`label-${label}`);
  choice.checked = true;
  fill("accept-words", acceptWords());
  announce(WORDS.chosen[label]);
}

/** Store what was chosen, else what the model says, and go on; not while a text is too new to have been read. */
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
    all_occurrences: task.occurrences !== null, // Where the task is a text, the decision is for every comment with it.
  };
  const order = sender.send(() => rest("POST", "/reviews", review, { reload: false }));
  const decision = { task, label, order, undone: false };
  order.answer.then((answer) => settled(decision, answer), (problem) => refused(decision, problem));
  goOn(decision);
}

function skip() {
  if (!current || settling.active) return;
  const { comment } = current;
  const named = { platform: comment.platform, id: comment.id };
  const order = sender.send(() => rest("POST", "/reviews/skip", named, { reload: false }));
  const decision = { task: current, label: null, order, undone: false };
  order.answer.then(() => settled(decision), () => {});
  goOn(decision);
}

function goOn(decision) {
  made.push(decision);
  if (made.length > UNDO_AT_MOST) made.shift();
  if (decision.label) progress.decide(1, commentsOf(decision));
  say(null);
  show("undone", false);
  showUndo();
  announce(decision.label ? WORDS.stored[decision.label] : WORDS.skipped);
  advance();
}

/** Take the latest decision back and show its comment again, with the label that was chosen. */
function undo() {
  const decision = made.pop();
  if (!decision) return say(WORDS.nothingToUndo);
  decision.undone = true;
  showUndo();
  if (find("other-opinion")) fill("other-opinion", "");
  if (current) queue.putFirst(current);
  if (decision.label) progress.decide(-1, commentsOf(decision));
  if (!sender.cancel(decision.order)) takeBack(decision);
  turn += 1;
  queue.hold(decision.task);
  present(decision.task, decision.label);
  const sentence = WORDS.undone[decision.label ?? "skip"];
  fill("undone", sentence);
  show("undone", true);
  announce(`${sentence} ${decision.task.comment.text}`);
}

function takeBack({ task, label, order }) {
  const { comment } = task;
  if (label === null) {
    sender.send(() => queue.claim(comment));
    return;
  }
  const taken = sender.send(async () => {
    const { number } = await order.answer;
    const reviews = [{ platform: comment.platform, id: comment.id, number }];
    return (await rest("POST", "/reviews/withdraw", { reviews }, { reload: false })).results[0];
  });
  taken.answer.then(
    ({ state }) => state === "withdrawn" || say(WORDS.notUndone),
    (problem) => say(problem.message),
  );
}

/** The server holds a comment no longer that was decided; one that was brought back meanwhile stays before us. */
function settled(decision, answer) {
  if (decision.undone) return;
  queue.forget(decision.task.comment);
  if (decision.label && made.at(-1) === decision) showOther(answer);
}

/** In the queue of second opinions: what the other reviewer had said of the comment before. */
function showOther({ label, from_label, second_opinion }) {
  if (!find("other-opinion")) return;
  if (!second_opinion) fill("other-opinion", "");
  else if (from_label === label) fill("other-opinion", WORDS.alsoSaid[label]);
  else fill("other-opinion", WORDS.hadSaid.replace("{theirs}", WORDS.labels[from_label]).replace("{yours}", WORDS.labels[label]));
}

/** A decision that was not stored: its comment comes next, as it stands now, and a sentence says why. */
async function refused(decision, problem) {
  const place = made.indexOf(decision);
  if (place < 0) return; // It was undone meanwhile.
  made.splice(place, 1);
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

/** Take the server's numbers, but for the decisions that it did not know of when it counted. */
function count(answer, asked) {
  const possible = made.filter(({ label, order }) => label && (!order.settled || order.settled > asked));
  const unknown = possible.slice(Math.max(possible.length - Math.max(progress.done - answer.done_today, 0), 0));
  progress.count(answer, unknown.length, unknown.reduce((sum, decision) => sum + commentsOf(decision), 0));
  if (answer.goal) showGoal(answer.goal);
}

/** How many waiting comments a decision is for. */
const commentsOf = ({ task }) => task.occurrences ?? 1;

/** How far the audit has come: blind decisions, and how many more are needed. */
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
  for (const button of undoButtons) button.disabled = !made.length;
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

// The list of comments: selecting by mouse and keys, and one label for all that is selected, with an undo.
import { collect, seen } from "./comments-matching.js";
import { rest, say, words } from "./rest.js";
import { element, fill, find, show } from "./review-page.js";
import { verdictOf } from "./word-marks.js";

const WORDS = words("comment-words");
const MATCHING = words("all-matching");
const LABELS = ["positive", "negative", "unclear", "spam"];
// As many as one request may take back.
const AT_ONCE = 50;
const checks = [...document.querySelectorAll(".comment-check")];
let last = null; // From here a click with Shift selects to.
// What is selected beyond this page: the comments on later pages, and where those begin that are left; else null.
let wider = null;
let searching = null; // Stops the search for them.

const selected = () => checks.filter((check) => check.checked);
const put = (sentence, values) => Object.entries(values).reduce((text, [name, value]) => text.replace(`{${name}}`, value), sentence);

const sought = new URLSearchParams(window.location.search).get("text");
if (sought) for (const text of document.querySelectorAll(".comment-text")) markFound(text, sought);
if (checks.length) {
  find("list").addEventListener("submit", (event) => event.preventDefault());
  find("list").addEventListener("click", click);
  find("list").addEventListener("keydown", press);
  find("select-all").addEventListener("change", (event) => select(checks, event.target.checked));
  find("clear").addEventListener("click", () => select(checks, false));
  document.addEventListener("keydown", pressLabel);
  find("wider-select")?.addEventListener("click", widen);
  find("list").addEventListener("click", (event) => open(event.target.closest(".comment-open")));
  new ResizeObserver(offerWholeTexts).observe(find("list"));
  for (const button of document.querySelectorAll("#bulk [data-label]")) button.addEventListener("click", () => correct(button.dataset.label));
  select([], true);
  find("select-all").disabled = false;
}

/** Offer the whole text wherever some of it does not fit. */
function offerWholeTexts() {
  for (const button of document.querySelectorAll(".comment-open")) {
    const text = button.previousElementSibling;
    button.hidden = !text.classList.contains("is-open") && text.scrollHeight <= text.clientHeight + 1;
  }
}

function open(button) {
  if (!button) return;
  const whole = button.previousElementSibling.classList.toggle("is-open");
  button.setAttribute("aria-expanded", whole);
  button.textContent = whole ? WORDS.lessText : WORDS.wholeText;
}

/** Mark what was searched for, in either case, as the search finds it. */
function markFound(target, part) {
  const text = target.textContent;
  const [where, what] = [text.toLowerCase(), part.toLowerCase()];
  if (where.length !== text.length) return; // A letter that grows with its case would shift the marks.
  const pieces = [];
  let at = 0;
  for (let found = where.indexOf(what); found >= 0; found = where.indexOf(what, at)) {
    pieces.push(text.slice(at, found), element("mark", "", text.slice(found, found + what.length)));
    at = found + what.length;
  }
  target.replaceChildren(...pieces, text.slice(at));
}

function click(event) {
  const check = event.target.closest(".comment-check");
  if (!check) return;
  const [from, to] = [checks.indexOf(last ?? check), checks.indexOf(check)].sort((a, b) => a - b);
  if (event.shiftKey && last) select(checks.slice(from, to + 1), check.checked);
  else select([], true);
  last = check;
}

function press(event) {
  const place = checks.indexOf(event.target);
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (place < 0 || !step || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  const next = checks[place + step];
  if (!next) return;
  if (event.shiftKey) select([event.target, next], true);
  last = next;
  next.focus();
}

function pressLabel(event) {
  const typing = event.target.matches("textarea, select, input:not([type=checkbox])");
  if (typing || event.ctrlKey || event.altKey || event.metaKey || event.repeat || find("confirm").open) return;
  const label = LABELS[Number(event.key) - 1];
  if (!label || !selected().length) return;
  event.preventDefault(); // Else the digit is written into the dialog, which takes the focus.
  correct(label);
}

/** Whatever is chosen by hand is on this page alone. */
function select(which, on) {
  for (const check of which) check.checked = on;
  searching?.abort();
  wider = searching = null;
  const count = selected().length;
  show("bulk", count > 0);
  fill("selected", count ? put(WORDS.selected, { n: count }) : "");
  find("select-all").checked = count === checks.length;
  find("select-all").indeterminate = count > 0 && count < checks.length;
  if (find("wider")) offerMore(count === checks.length);
}

function offerMore(whole) {
  show("wider", whole);
  show("wider-select", true);
  fill("wider-words", WORDS.pageAlone);
}

/** Select what matches on later pages too, as many as are marked at once. */
async function widen() {
  const search = (searching = new AbortController());
  const room = MATCHING.most - checks.length;
  show("wider-select", false);
  fill("wider-words", WORDS.searching);
  find("selected").parentElement.querySelector("[data-label]").focus({ preventScroll: true });
  const counted = (found) => fill("selected", put(WORDS.selected, { n: checks.length + found }));
  try {
    const found = await collect(MATCHING.filter, MATCHING.after, room, counted, search.signal);
    if (searching !== search) return;
    wider = found;
    searching = null;
    counted(found.comments.length);
    fill("wider-words", found.next ? WORDS.moreLeft : WORDS.allSelected);
  } catch (problem) {
    if (searching !== search) return;
    select([], true);
    say(problem.message, "danger");
  }
}

/** Ask, then give everything that is selected this label. */
async function correct(label) {
  if (searching) return; // How many are meant is not known yet.
  const which = selected();
  const later = wider?.comments ?? [];
  const values = { n: which.length + later.length, label: WORDS.labels[label] };
  const unseen = later.length ? put(WORDS.confirmMore, { n: later.length }) : "";
  const reason = await confirmed(put(WORDS.confirm, values), unseen);
  if (reason === null) return;
  const comments = [...which.map(({ dataset }) => ofRow(dataset)), ...later];
  const left = wider?.next;
  try {
    const { results } = await rest("POST", "/reviews/bulk", { label, reason: reason || null, comments });
    which.forEach((check, place) => results[place].state === "reviewed" && showLabel(check, label, "review"));
    select(checks, false);
    tell(label, results, which, left);
  } catch (problem) {
    say(problem.message, "danger");
  }
}

const ofRow = ({ platform, id, version, textDigest }) => seen({ platform, id, version: Number(version), text_digest: textDigest });

/** The reason that was given, empty where none was; null where the question was answered with no. */
function confirmed(question, more) {
  const dialog = find("confirm");
  fill("confirm-title", question);
  fill("confirm-more", more);
  show("confirm-more", Boolean(more));
  find("confirm-reason").value = "";
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes" ? find("confirm-reason").value.trim() : null), { once: true });
  });
}

function tell(label, results, which, left) {
  const count = (state) => results.filter((result) => result.state === state).length;
  const made = results.flatMap((result, place) => (result.review ? [{ ...result, check: which[place] }] : []));
  const sentences = [put(WORDS.stored, { n: made.length, label: WORDS.labels[label] })];
  if (count("edited_meanwhile")) sentences.push(put(WORDS.edited, { n: count("edited_meanwhile") }));
  if (count("in_audit")) sentences.push(put(WORDS.inAudit, { n: count("in_audit") }));
  if (count("no_comment")) sentences.push(put(WORDS.erased, { n: count("no_comment") }));
  const undo = element("button", "btn btn-sm ms-2", put(WORDS.undo, { n: made.length }));
  undo.type = "button";
  undo.addEventListener("click", () => takeBack(made));
  const kind = made.length === results.length ? "success" : "warning";
  message(kind, sentences.join(" "), ...(made.length ? [undo] : []), ...(left ? [goOn(left)] : []));
  find("message").focus();
}

/** To the page on which those begin that match and were not marked. */
function goOn(place) {
  const address = new URLSearchParams(window.location.search);
  address.set("after", place);
  const link = element("a", "btn btn-sm ms-2", WORDS.goOn);
  link.href = `?${address}`;
  return link;
}

/** Take back what was just stored, in parts. */
async function takeBack(made) {
  const results = [];
  try {
    for (let at = 0; at < made.length; at += AT_ONCE) {
      message("info", put(WORDS.undoing, { n: at, all: made.length }));
      const reviews = made.slice(at, at + AT_ONCE).map(({ platform, id, review }) => ({ platform, id, number: review.number }));
      results.push(...(await rest("POST", "/reviews/withdraw", { reviews })).results);
    }
  } catch (problem) {
    message("danger", problem.message);
  }
  const done = results.filter((result) => result.state === "withdrawn").length;
  results.forEach((result, place) => result.state === "withdrawn" && showLabel(made[place].check, result.label, result.label_source));
  if (results.length < made.length) return;
  const left = made.length - done;
  message(left ? "warning" : "success", put(WORDS.undone, { n: done }) + (left ? ` ${put(WORDS.notUndone, { n: left })}` : ""));
}

function showLabel(check, label, source) {
  if (!check) return; // It is on a later page.
  const verdict = check.closest(".comment-row").querySelector(".comment-verdict");
  const uncertain = "uncertain" in check.dataset && source !== "review";
  const look = uncertain ? "uncertain" : `label-${label}`;
  const badge = label ? element("span", `badge comment-label comment-${look}`, verdictOf({ label, uncertain }, WORDS)) : "";
  verdict.replaceChildren(badge, element("span", "text-secondary small", WORDS.sources[source] ?? ""));
}

function message(kind, sentence, ...more) {
  const alert = element("div", `alert alert-${kind}`, element("div", "", sentence, ...more));
  find("message").replaceChildren(alert);
}

// The comment list: select comments by mouse or keys, label all selected ones, and undo.
import { collect, seen } from "./comments-matching.js";
import { rest, say, words } from "./rest.js";
import { element, fill, find, show } from "./review-page.js";
import { verdictOf } from "./word-marks.js";

const WORDS = words("comment-words");
const MATCHING = words("all-matching");
const LABELS = ["positive", "negative", "unclear", "spam"];
// The API's maximum of withdrawals per request.
const WITHDRAWALS = 50;
const checks = [...document.querySelectorAll(".comment-check")];
let last = null; // The start of a range selected with Shift.
// Selected comments on later pages and the position after them, or null.
let later = null;
let searching = null; // The AbortController of the search for them.

const selected = () => checks.filter((check) => check.checked);
const format = (sentence, values) => Object.entries(values).reduce((text, [name, value]) => text.replace(`{${name}}`, value), sentence);

const query = new URLSearchParams(window.location.search).get("text");
if (query) for (const text of document.querySelectorAll(".comment-text")) markMatches(text, query);
if (checks.length) {
  find("list").addEventListener("submit", (event) => event.preventDefault());
  find("list").addEventListener("click", click);
  find("list").addEventListener("keydown", press);
  find("select-all").addEventListener("change", (event) => select(checks, event.target.checked));
  find("clear").addEventListener("click", () => select(checks, false));
  document.addEventListener("keydown", pressLabel);
  find("wider-select")?.addEventListener("click", selectLaterPages);
  find("list").addEventListener("click", (event) => toggleText(event.target.closest(".comment-open")));
  new ResizeObserver(showTextButtons).observe(find("list"));
  for (const button of document.querySelectorAll("#bulk [data-label]")) button.addEventListener("click", () => correct(button.dataset.label));
  select([], true);
  find("select-all").disabled = false;
}

/** Show the button for the whole text if the text is clipped. */
function showTextButtons() {
  for (const button of document.querySelectorAll(".comment-open")) {
    const text = button.previousElementSibling;
    button.hidden = !text.classList.contains("is-open") && text.scrollHeight <= text.clientHeight + 1;
  }
}

function toggleText(button) {
  if (!button) return;
  const whole = button.previousElementSibling.classList.toggle("is-open");
  button.setAttribute("aria-expanded", whole);
  button.textContent = whole ? WORDS.lessText : WORDS.wholeText;
}

/** Mark all matches of the search text, ignoring case like the search. */
function markMatches(target, part) {
  const text = target.textContent;
  const [where, what] = [text.toLowerCase(), part.toLowerCase()];
  if (where.length !== text.length) return; // Lower case changed the length, so positions would be wrong.
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
  const index = checks.indexOf(event.target);
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (index < 0 || !step || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  const next = checks[index + step];
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
  event.preventDefault(); // Otherwise the dialog's focused input receives the digit.
  correct(label);
}

/** Check or uncheck comments on this page. This drops the selection on later pages. */
function select(which, on) {
  for (const check of which) check.checked = on;
  searching?.abort();
  later = searching = null;
  const count = selected().length;
  show("bulk", count > 0);
  fill("selected", count ? format(WORDS.selected, { n: count }) : "");
  find("select-all").checked = count === checks.length;
  find("select-all").indeterminate = count > 0 && count < checks.length;
  if (find("wider")) offerLaterPages(count === checks.length);
}

function offerLaterPages(offered) {
  show("wider", offered);
  show("wider-select", true);
  fill("wider-words", WORDS.pageAlone);
}

/** Also select matches on later pages, up to the maximum of one request. */
async function selectLaterPages() {
  const search = (searching = new AbortController());
  const most = MATCHING.most - checks.length;
  show("wider-select", false);
  fill("wider-words", WORDS.searching);
  find("selected").parentElement.querySelector("[data-label]").focus({ preventScroll: true });
  const showCount = (found) => fill("selected", format(WORDS.selected, { n: checks.length + found }));
  try {
    const found = await collect(MATCHING.filter, MATCHING.after, most, showCount, search.signal);
    if (searching !== search) return;
    later = found;
    searching = null;
    showCount(found.comments.length);
    fill("wider-words", found.next ? WORDS.moreLeft : WORDS.allSelected);
  } catch (problem) {
    if (searching !== search) return;
    select([], true);
    say(problem.message, "danger");
  }
}

/** Ask for confirmation, then review all selected comments with this label. */
async function correct(label) {
  if (searching) return; // The selection is not complete yet.
  const chosen = selected();
  const unseen = later?.comments ?? [];
  const values = { n: chosen.length + unseen.length, label: WORDS.labels[label] };
  const warning = unseen.length ? format(WORDS.confirmMore, { n: unseen.length }) : "";
  const reason = await askReason(format(WORDS.confirm, values), warning);
  if (reason === null) return;
  const comments = [...chosen.map(({ dataset }) => ofRow(dataset)), ...unseen];
  const next = later?.next;
  try {
    const { results } = await rest("POST", "/reviews/bulk", { label, reason: reason || null, comments });
    chosen.forEach((check, index) => results[index].state === "reviewed" && showLabel(check, label, "review"));
    select(checks, false);
    report(label, results, chosen, next);
  } catch (problem) {
    say(problem.message, "danger");
  }
}

const ofRow = ({ platform, id, version, textDigest }) => seen({ platform, id, version: Number(version), text_digest: textDigest });

/** Show the dialog; resolve to the reason, which may be empty, or to null if the user cancels. */
function askReason(question, more) {
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

function report(label, results, chosen, next) {
  const count = (state) => results.filter((result) => result.state === state).length;
  const stored = results.flatMap((result, index) => (result.review ? [{ ...result, check: chosen[index] }] : []));
  const sentences = [format(WORDS.stored, { n: stored.length, label: WORDS.labels[label] })];
  if (count("edited_meanwhile")) sentences.push(format(WORDS.edited, { n: count("edited_meanwhile") }));
  if (count("in_audit")) sentences.push(format(WORDS.inAudit, { n: count("in_audit") }));
  if (count("no_comment")) sentences.push(format(WORDS.erased, { n: count("no_comment") }));
  const undo = element("button", "btn btn-sm ms-2", format(WORDS.undo, { n: stored.length }));
  undo.type = "button";
  undo.addEventListener("click", () => withdraw(stored));
  const kind = stored.length === results.length ? "success" : "warning";
  message(kind, sentences.join(" "), ...(stored.length ? [undo] : []), ...(next ? [linkTo(next)] : []));
  find("message").focus();
}

/** Return a link to the page that starts at `position`, after the reviewed comments. */
function linkTo(position) {
  const parameters = new URLSearchParams(window.location.search);
  parameters.set("after", position);
  const link = element("a", "btn btn-sm ms-2", WORDS.goOn);
  link.href = `?${parameters}`;
  return link;
}

/** Withdraw the reviews that were just stored, in several requests. */
async function withdraw(stored) {
  const results = [];
  try {
    for (let at = 0; at < stored.length; at += WITHDRAWALS) {
      message("info", format(WORDS.undoing, { n: at, all: stored.length }));
      const reviews = stored.slice(at, at + WITHDRAWALS).map(({ platform, id, review }) => ({ platform, id, number: review.number }));
      results.push(...(await rest("POST", "/reviews/withdraw", { reviews })).results);
    }
  } catch (problem) {
    message("danger", problem.message);
  }
  const done = results.filter((result) => result.state === "withdrawn").length;
  results.forEach((result, index) => result.state === "withdrawn" && showLabel(stored[index].check, result.label, result.label_source));
  if (results.length < stored.length) return;
  const left = stored.length - done;
  message(left ? "warning" : "success", format(WORDS.undone, { n: done }) + (left ? ` ${format(WORDS.notUndone, { n: left })}` : ""));
}

function showLabel(check, label, source) {
  if (!check) return; // The comment is on a later page.
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

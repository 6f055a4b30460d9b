// Label many comments: send a file, stream the predictions with a progress bar, and show them as a table and as CSV.
import { Problem, ask } from "./rest.js";
import { fillIn, percent, verdictOf } from "./word-marks.js";

// Rows added to the page at once; thousands would make it slow.
const PAGE = 100;
const JSON_LINES = "application/x-ndjson";
const WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
const FILE_TYPES = { xlsx: WORKBOOK,  csv: "text/csv", tsv: "text/csv", json: JSON_LINES, jsonl: JSON_LINES, ndjson: JSON_LINES };
const find = (id) => document.getElementById(`many-${id}`);
const shows = {
  all: () => true,
  positive: (one) => one.label === "positive" && !one.uncertain,
  negative: (one) => one.label === "negative" && !one.uncertain,
  uncertain: (one) => one.uncertain,
};

/** Wire the form and the table; `look` explains a single text. */
export function detectMany(words, limits, look) {
  let file = null;
  let answers = [];
  let room = PAGE;
  let running = null;
  let head = null;
  // What the answers belong to, for the workbook that the server builds.
  let sent = null;

  async function choose(chosen) {
    file = chosen;
    find("name").hidden = !file;
    find("name-words").textContent = file?.name ?? "";
    find("text").disabled = Boolean(file);
    find("columns").hidden = true;
    find("column").replaceChildren();
    find("trouble").hidden = true;
    if (!file) find("file").value = "";
    else if (file.size > limits.bytes) complain(words.tooLarge);
    else await preview(file);
  }

  /** Show the columns and the first rows before anything is labelled. */
  async function preview(chosen) {
    try {
      const answer = await ask("POST", `/predict/file?${new URLSearchParams({ preview: true })}`, { body: chosen, type: typeOf(chosen) });
      const [layout, ...rows] = (await answer.text()).trim().split("\n").map((line) => JSON.parse(line));
      if (chosen === file) showPreview(layout, rows, words);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (chosen === file) complain(withHints(error, words));
    }
  }

  async function detect() {
    const body = file ?? new Blob([find("text").value], { type: "text/plain" });
    find("trouble").hidden = true;
    if (body.size > limits.bytes) return complain(words.tooLarge);
    if (!find("columns").hidden && !find("column").value) return complain(words.chooseColumn);
    sent = { body, type: typeOf(file), column: find("column").value };
    running = new AbortController();
    find("workbook").hidden = false;
    answers = [];
    room = PAGE;
    let total = 0;
    begin();
    try {
      for await (const line of linesOf(sent, running.signal)) {
        if (total) answers.push(line);
        else {
          total = line.texts;
          head = line;
          find("layout").textContent = layoutOf(line, words);
        }
        if (line.last) showProgress(total);
      }
      if (answers.length < total) throw new TypeError("cut off");
      finish(fillIn(words.done, { total }));
    } catch (error) {
      const counts = { done: answers.length, total };
      if (error.name === "AbortError") finish(fillIn(words.cancelled, counts));
      else if (error instanceof Problem) stop(withHints(error, words));
      else if (error instanceof TypeError) stop(fillIn(words.cutOff, counts));
      else throw error;
    } finally {
      running = null;
      setBusy(false);
    }
  }

  function begin() {
    setBusy(true);
    find("progress").hidden = false;
    find("answer").hidden = true;
    find("bar").removeAttribute("value");
    find("done").textContent = words.reading;
    find("status").textContent = words.reading;
  }

  function showProgress(total) {
    find("bar").max = total;
    find("bar").value = answers.length;
    find("done").textContent = fillIn(words.working, { done: answers.length, total });
    showAnswers();
  }

  function finish(sentence) {
    find("done").textContent = sentence;
    find("status").textContent = sentence;
    showAnswers();
  }

  function stop(sentence) {
    find("progress").hidden = answers.length === 0;
    find("done").textContent = "";
    complain(sentence);
    showAnswers();
  }

  function showAnswers() {
    const count = (kind) => answers.filter(shows[kind]).length;
    const matching = answers.filter(shows[find("filter").value]);
    find("answer").hidden = answers.length === 0;
    find("summary").textContent = fillIn(words.summary, {
      positive: count("positive"),
      negative: count("negative"),
      uncertain: count("uncertain"),
    });
    const rows = matching.slice(0, room);
    find("rows").replaceChildren(...rows.map((one) => answerRow(one, words, look)));
    find("shown").textContent = fillIn(words.shown, { shown: rows.length, total: matching.length });
    find("more").hidden = rows.length === matching.length;
  }

  find("form").addEventListener("submit", (event) => {
    event.preventDefault();
    if (!running) detect();
  });
  find("cancel").addEventListener("click", () => running?.abort());
  find("file").addEventListener("change", () => choose(find("file").files[0] ?? null));
  find("remove").addEventListener("click", () => {
    choose(null);
    find("file").focus();
  });
  find("filter").addEventListener("change", () => {
    room = PAGE;
    showAnswers();
  });
  find("more").addEventListener("click", () => {
    room += PAGE;
    showAnswers();
  });
  find("download").addEventListener("click", () => save(csvOf(head, answers, words), words.fileName));
  find("workbook").addEventListener("click", async () => {
    find("workbook").disabled = true;
    try {
      const answer = await ask("POST", pathOf({ ...sent, format: "xlsx" }), sent);
      save(await answer.blob(), words.fileName.replace(/csv$/, "xlsx"));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      complain(error.message);
    } finally {
      find("workbook").disabled = false;
    }
  });
  wireDrop(choose);
  setBusy(false);

  return {
    state: () => ({ text: find("text").value, head, answers }),
    /** Show an earlier state; the server cannot build its workbook, because the file is not kept. */
    restore(kept) {
      find("text").value = kept.text;
      ({ head, answers } = kept);
      find("workbook").hidden = true;
      if (head) find("layout").textContent = layoutOf(head, words);
      showAnswers();
    },
  };
}

/** Yield the response's lines as they arrive; `last` marks the last line of a received chunk. */
async function* linesOf({ body, type, column }, signal) {
  const answer = await ask("POST", pathOf({ column, cells: true }), { body, type, signal });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const [index, line] of lines.entries()) yield { ...JSON.parse(line), last: index === lines.length - 1 };
  }
}

function pathOf({ column, cells, format }) {
  const query = Object.entries({ column, cells, format }).filter(([, value]) => value);
  return `/predict/file?${new URLSearchParams(query)}`;
}

/** Show the first rows, and offer their columns; the detected one is chosen. */
function showPreview({ format, column, name, columns }, rows, words) {
  if (format === "lines" || columns.length < 2) return;
  const named = columns.map((one, index) => one || fillIn(words.column, { number: index + 1 }));
  const chosen = format === "csv" ? column : columns.indexOf(name) + 1;
  const options = named.map((one, index) => new Option(one, format === "csv" ? index + 1 : one, false, index + 1 === chosen));
  find("column").replaceChildren(...(chosen ? [] : [new Option(words.chooseColumn, "")]), ...options);
  find("preview-head").replaceChildren(...named.map((one) => headCell(one)));
  find("preview").replaceChildren(
    ...rows.map(({ cells }) => {
      const row = document.createElement("tr");
      row.append(...cells.map((one) => cell(one, "written detect-clip")));
      return row;
    }),
  );
  find("columns").hidden = false;
}

function headCell(name) {
  const created = document.createElement("th");
  created.scope = "col";
  created.className = "written";
  created.textContent = name;
  return created;
}

// Typed text and other files have one comment per line.
function typeOf(file) {
  const suffix = file?.name.toLowerCase().split(".").pop();
  return FILE_TYPES[suffix] ?? "text/plain";
}

/** Describe how the server read the file. */
function layoutOf(head, words) {
  const separator = words.separators[head.separator];
  const { lines, jsonl, csv, unnamed, separator: separated, empty } = words.layouts;
  const sentence = head.format === "csv" ? (head.header ? csv : unnamed) : { lines, jsonl }[head.format];
  const sentences = [sentence, separator ? separated : "", head.empty ? empty : ""].filter(Boolean);
  return sentences.map((one) => fillIn(one, { ...head, separator })).join(words.sentenceGap);
}

/** Return a problem's message with hints for this page. */
function withHints(problem, words) {
  const hints = problem.errors.map((one) => words.hints[one.field]).filter(Boolean);
  return [problem.message, ...hints].join(words.sentenceGap);
}

function answerRow(one, words, look) {
  const row = document.createElement("tr");
  const text = document.createElement("div");
  text.className = "written detect-clip";
  text.textContent = one.text;
  const label = document.createElement("span");
  label.textContent = verdictOf(one, words);
  const closer = document.createElement("button");
  closer.type = "button";
  closer.className = "btn btn-sm";
  closer.textContent = words.closer;
  closer.setAttribute("aria-label", fillIn(words.closerAt, { row: one.row }));
  closer.addEventListener("click", () => look(one.text));
  row.append(cell(one.row, "text-end number"), cell(text), cell(label), cell(percent(one.probability), "text-end number"), cell(closer));
  return row;
}

function cell(content, className = "") {
  const created = document.createElement("td");
  created.className = className;
  created.append(content);
  return created;
}

function setBusy(busy) {
  find("detect").disabled = busy;
  find("cancel").hidden = !busy;
}

function complain(sentence) {
  find("trouble").textContent = sentence;
  find("trouble").hidden = false;
}

function wireDrop(choose) {
  const target = find("drop");
  for (const name of ["dragenter", "dragover"]) {
    target.addEventListener(name, (event) => {
      event.preventDefault();
      target.classList.add("is-over");
    });
  }
  // Otherwise the browser replaces this page with a file that is dropped elsewhere.
  for (const name of ["dragover", "drop"]) window.addEventListener(name, (event) => event.preventDefault());
  target.addEventListener("dragleave", () => target.classList.remove("is-over"));
  target.addEventListener("drop", (event) => {
    event.preventDefault();
    target.classList.remove("is-over");
    if (event.dataTransfer.files.length) choose(event.dataTransfer.files[0]);
  });
}

/** Return all columns of the file, the label, the probability of positive and whether the model is uncertain, as CSV. */
function csvOf(head, answers, words) {
  const names = head.format === "lines" ? ["text"] : head.columns.map((one, index) => one || fillIn(words.column, { number: index + 1 }));
  const lines = answers.map((one) => [...one.cells, one.label, one.probability, one.uncertain].map(quoted).join(","));
  const header = [...names, "label", "probability_positive", "uncertain"].map(quoted).join(",");
  // Spreadsheets recognize UTF-8 by the byte order mark.
  return new Blob(["\ufeff", [header, ...lines, ""].join("\r\n")], { type: "text/csv" });
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

// Unchanged, quoted texts.
function quoted(value) {
  return typeof value === "string" ? `"${value.replaceAll('"', '""')}"` : String(value);
}

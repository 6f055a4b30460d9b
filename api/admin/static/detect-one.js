// Label one comment: show the label, its probability and the words' contributions, and store the user's review.
import { Problem, rest } from "./rest.js";
import { fillIn, markWords, percent, verdictOf } from "./word-marks.js";

const find = (id) => document.getElementById(`one-${id}`);

/** Wire the form; the returned `look` fills in a text and submits it. */
export function detectOne(words) {
  let shown = null;
  let requests = 0;

  async function detect() {
    const text = find("text").value;
    const number = ++requests;
    hide("trouble", "kept");
    find("detect").disabled = true;
    try {
      const { predictions } = await rest("POST", "/predict", { texts: [text], explain: true });
      if (number === requests) showAnswer((shown = { text, ...predictions[0] }), words);
    } catch (error) {
      if (number === requests) complain(error);
    } finally {
      find("detect").disabled = false;
    }
  }

  async function keep(label) {
    hide("trouble");
    const { text } = shown;
    setVerdict(false);
    try {
      await rest("POST", "/detections", { text, label });
      find("kept").textContent = fillIn(words.kept, { label: words.labels[label] });
      find("kept").hidden = false;
      find("choices").hidden = true;
    } catch (error) {
      setVerdict(true);
      complain(error);
    }
  }

  find("form").addEventListener("submit", (event) => {
    event.preventDefault();
    detect();
  });
  find("text").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) find("form").requestSubmit();
  });
  find("keep").addEventListener("click", () => keep(shown.label));
  find("wrong").addEventListener("click", () => {
    const open = find("choices").hidden;
    find("choices").hidden = !open;
    find("wrong").setAttribute("aria-expanded", String(open));
    if (open) find("choices").querySelector("button:not([hidden])").focus();
  });
  find("choices").addEventListener("click", (event) => {
    const { label } = event.target.dataset;
    if (label) keep(label);
  });
  find("detect").disabled = false;

  return {
    look(text) {
      find("text").value = text;
      find("text").scrollIntoView({ block: "center" });
      detect();
    },
  };
}

function showAnswer(answer, words) {
  find("label").textContent = verdictOf(answer, words);
  find("doubt").hidden = !answer.uncertain;
  find("probability").textContent = fillIn(words.probability, { percent: percent(answer.probability) });
  find("needle").style.left = `${100 * answer.probability}%`;
  find("legend").hidden = !markWords(find("words"), answer.text, answer.words);
  find("table").replaceChildren(...answer.words.map((word) => wordRow(word, words)));
  for (const button of find("choices").querySelectorAll("button")) button.hidden = button.dataset.label === answer.label;
  find("choices").hidden = true;
  find("wrong").setAttribute("aria-expanded", "false");
  setVerdict(true);
  find("answer").hidden = false;
}

function wordRow({ text, contribution }, words) {
  const row = document.createElement("tr");
  const [word, worth, direction] = [document.createElement("th"), document.createElement("td"), document.createElement("td")];
  word.scope = "row";
  word.className = "written";
  word.textContent = text;
  worth.className = "text-end number";
  worth.textContent = `${contribution < 0 ? "−" : "+"}${Math.abs(contribution).toFixed(2)}`;
  direction.textContent = contribution < 0 ? words.speaksNegative : words.speaksPositive;
  row.append(word, worth, direction);
  return row;
}

// A text can be stored only once.
function setVerdict(open) {
  find("verdict").disabled = !open;
}

function hide(...ids) {
  for (const id of ids) find(id).hidden = true;
}

function complain(error) {
  if (!(error instanceof Problem)) throw error;
  find("trouble").textContent = error.message;
  find("trouble").hidden = false;
}

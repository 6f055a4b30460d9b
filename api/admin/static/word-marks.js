// What the words of a text contributed to its label, marked in the text itself.

// Below this share of the strongest contribution a word is not marked: most words say nothing.
const QUIET = 0.1;

/** Put `text` into `target` with its telling words marked; whether there were any. Text is text, never markup. */
export function markWords(target, text, contributions) {
  // The API counts code points, JavaScript counts halves of them.
  const points = Array.from(text);
  const strongest = Math.max(...contributions.map((word) => Math.abs(word.contribution)), 0);
  const parts = [];
  let at = 0;
  for (const { start, end, contribution } of contributions) {
    const share = Math.abs(contribution) / strongest;
    if (!(share >= QUIET) || start < at) continue;
    const mark = document.createElement("span");
    mark.className = contribution > 0 ? "word-positive" : "word-negative";
    mark.style.setProperty("--strength", `${Math.round(100 * share)}%`);
    mark.textContent = points.slice(start, end).join("");
    parts.push(points.slice(at, start).join(""), mark);
    at = end;
  }
  target.replaceChildren(...parts, points.slice(at).join(""));
  return parts.length > 0;
}

/** A probability as people read it: never 0% or 100%, which nothing is. */
export function percent(probability) {
  return `${(100 * Math.min(Math.max(probability, 0.001), 0.999)).toFixed(1)}%`;
}

/** A prediction as people read it: where the model is uncertain, its label is only what it leans towards. */
export function verdictOf({ label, uncertain }, words) {
  return uncertain ? words.leanings[label] : words.labels[label];
}

/** The template with its `%(name)s` filled in. */
export function fillIn(template, values) {
  return template.replace(/%\((\w+)\)s/g, (_, name) => values[name]);
}

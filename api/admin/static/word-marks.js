// Mark the words of a text by their contributions to its label.

// Words below this share of the strongest contribution are not marked.
const THRESHOLD = 0.1;

/** Show `text`, never as markup, in `target` with its strongest words marked; return whether any word was marked. */
export function markWords(target, text, contributions) {
  // The API's positions are code points; JavaScript's are UTF-16 code units.
  const points = Array.from(text);
  const strongest = Math.max(...contributions.map((word) => Math.abs(word.contribution)), 0);
  const parts = [];
  let at = 0;
  for (const { start, end, contribution } of contributions) {
    const share = Math.abs(contribution) / strongest;
    if (!(share >= THRESHOLD) || start < at) continue;
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

/** Format a probability as a percentage, never as 0 % or 100 %. */
export function percent(probability) {
  return `${(100 * Math.min(Math.max(probability, 0.001), 0.999)).toFixed(1)}%`;
}

/** Return the text of a prediction's label, or of its leaning if it is uncertain. */
export function verdictOf({ label, uncertain }, words) {
  return uncertain ? words.leanings[label] : words.labels[label];
}

/** Replace each `%(name)s` in the template. */
export function fillIn(template, values) {
  return template.replace(/%\((\w+)\)s/g, (_, name) => values[name]);
}

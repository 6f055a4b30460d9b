// Scripts of all pages: theme, language, text size, time zone, confirmations, "select all" checkboxes and invisible
// characters.

const dark = window.matchMedia("(prefers-color-scheme: dark)");
function setTheme() {
  document.documentElement.dataset.bsTheme = dark.matches ? "dark" : "light";
}
setTheme();
dark.addEventListener("change", setTheme);

// Without seconds, until the browser is closed.
function setCookie(name, value, seconds) {
  const secure = window.location.protocol === "https:" ? "; secure" : "";
  document.cookie = `${name}=${encodeURIComponent(value)}; path=/; samesite=lax${secure}${seconds ? `; max-age=${seconds}` : ""}`;
}

document.addEventListener("click", (event) => {
  const choice = event.target.closest("button[data-language]");
  if (!choice) return;
  setCookie("language", choice.dataset.language);
  window.location.reload();
});

document.addEventListener("click", (event) => {
  const choice = event.target.closest("button[data-text-size-choice]");
  if (!choice) return;
  event.stopPropagation(); // The menu stays open, so that sizes can be compared.
  setCookie("text_size", choice.dataset.textSizeChoice, 365 * 24 * 3600);
  document.documentElement.dataset.textSize = choice.dataset.textSizeChoice;
  for (const button of document.querySelectorAll("button[data-text-size-choice]")) {
    button.setAttribute("aria-pressed", button.dataset.textSizeChoice === choice.dataset.textSizeChoice);
  }
}, true);

// The next page shows times in the browser's time zone.
if (!/(^|; )timezone=/.test(document.cookie)) {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone) setCookie("timezone", zone);
}

// Ask for confirmation before irreversible actions.
document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-confirm]");
  if (button && !window.confirm(button.dataset.confirm)) event.preventDefault();
});

// A checkbox with data-checks checks all checkboxes of that name in its form.
document.addEventListener("change", (event) => {
  const name = event.target.dataset?.checks;
  if (!name) return;
  for (const box of event.target.form.querySelectorAll(`input[type="checkbox"][name="${name}"]`)) {
    box.checked = event.target.checked;
  }
});

// Show the characters that change the direction of text, which could disguise what a text says. Each one is isolated, so
// that it has no effect, and stays part of the text that is copied and searched.
const CONTROLS = /([\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069])/;
const TEXTS = ".written, .comment-name";

function showControls(node) {
  if (node.nodeType === Node.TEXT_NODE) {
    if (CONTROLS.test(node.data) && node.parentElement?.closest(TEXTS) && !node.parentElement.closest(".bidi-control, textarea")) {
      node.replaceWith(...node.data.split(CONTROLS).filter(Boolean).map(shown));
    }
    return;
  }
  for (const child of [...node.childNodes]) showControls(child);
}

function shown(part) {
  if (!CONTROLS.test(part)) return part;
  const mark = document.createElement("bdi");
  mark.className = "bidi-control";
  mark.dataset.name = `U+${part.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
  mark.textContent = part;
  return mark;
}

new MutationObserver((changes) => {
  for (const { addedNodes } of changes) addedNodes.forEach(showControls);
}).observe(document.documentElement, { childList: true, subtree: true });

// Scripts of all pages: language, time zone, confirmations and "select all" checkboxes.

function setCookie(name, value) {
  const secure = window.location.protocol === "https:" ? "; secure" : "";
  document.cookie = `${name}=${encodeURIComponent(value)}; path=/; samesite=lax${secure}`;
}

document.addEventListener("click", (event) => {
  const choice = event.target.closest("button[data-language]");
  if (!choice) return;
  setCookie("language", choice.dataset.language);
  window.location.reload();
});

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

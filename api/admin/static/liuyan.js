// What every page needs: language, time zone, buttons that ask first, and boxes that check others.

function keepCookie(name, value) {
  const secure = window.location.protocol === "https:" ? "; secure" : "";
  document.cookie = `${name}=${encodeURIComponent(value)}; path=/; samesite=lax${secure}`;
}

document.addEventListener("click", (event) => {
  const choice = event.target.closest("button[data-language]");
  if (!choice) return;
  keepCookie("language", choice.dataset.language);
  window.location.reload();
});

// From the next page on times are in the browser's time zone.
if (!/(^|; )timezone=/.test(document.cookie)) {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone) keepCookie("timezone", zone);
}

// A button that asks before it does what cannot be taken back.
document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-confirm]");
  if (button && !window.confirm(button.dataset.confirm)) event.preventDefault();
});

// A box that checks all boxes of a name in its form.
document.addEventListener("change", (event) => {
  const name = event.target.dataset?.checks;
  if (!name) return;
  for (const box of event.target.form.querySelectorAll(`input[type="checkbox"][name="${name}"]`)) {
    box.checked = event.target.checked;
  }
});

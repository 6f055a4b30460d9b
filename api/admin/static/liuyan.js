// What starlette-admin's templates do in attributes, which the policy forbids: see security.py.
document.addEventListener("click", (event) => {
  if (event.target.closest('[data-on-click="applyColumnVisibility()"]')) window.applyColumnVisibility();
});
document.addEventListener("change", (event) => {
  if (event.target.matches('[data-on-change="window.location = this.value"]')) window.location = event.target.value;
});

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

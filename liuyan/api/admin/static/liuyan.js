// What starlette-admin's templates do in attributes, which the policy forbids: see security.py.
document.addEventListener("click", (event) => {
  if (event.target.closest('[data-on-click="applyColumnVisibility()"]')) window.applyColumnVisibility();
});
document.addEventListener("change", (event) => {
  if (event.target.matches('[data-on-change="window.location = this.value"]')) window.location = event.target.value;
});

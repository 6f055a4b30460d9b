// Buttons below the comment that put a common reason into the reason field, and take it out again.
import { find } from "./review-page.js";

const chips = [...document.querySelectorAll("[data-reason]")];
const GAP = "；";

/** Wire the buttons and the field. */
export function wireReasons() {
  for (const chip of chips) chip.addEventListener("click", () => toggle(chip.dataset.reason));
  find("reason").addEventListener("input", showReasons);
}

/** Mark the buttons whose reason is in the field. */
export function showReasons() {
  const given = reasons();
  for (const chip of chips) chip.setAttribute("aria-pressed", given.includes(chip.dataset.reason));
}

function toggle(reason) {
  const given = reasons();
  const left = given.filter((one) => one !== reason);
  find("reason").value = (left.length < given.length ? left : [...given, reason]).join(GAP);
  showReasons();
}

const reasons = () => find("reason").value.split(GAP).map((one) => one.trim()).filter(Boolean);

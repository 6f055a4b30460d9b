// Buttons that add a common reason to the reason field or remove it.
import { find } from "./review-page.js";

const chips = [...document.querySelectorAll("[data-reason]")];
const SEPARATOR = "；";

/** Wire the buttons and the field. */
export function wireReasons() {
  for (const chip of chips) chip.addEventListener("click", () => toggle(chip.dataset.reason));
  find("reason").addEventListener("input", showReasons);
}

/** Mark the buttons whose reason is in the field. */
export function showReasons() {
  const entered = reasons();
  for (const chip of chips) chip.setAttribute("aria-pressed", entered.includes(chip.dataset.reason));
}

function toggle(reason) {
  const entered = reasons();
  const others = entered.filter((one) => one !== reason);
  find("reason").value = (others.length < entered.length ? others : [...entered, reason]).join(SEPARATOR);
  showReasons();
}

const reasons = () => find("reason").value.split(SEPARATOR).map((one) => one.trim()).filter(Boolean);

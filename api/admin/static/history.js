// The history page of a comment: add a review and withdraw earlier ones.
import { rest, say, words } from "./rest.js";

const WORDS = words("comment-words");
const comment = document.getElementById("comment");

const labelButtons = document.querySelectorAll("#decision button[data-label]");

for (const button of labelButtons) {
  button.addEventListener("click", () => decide(button.dataset.label));
  button.disabled = false;
}
for (const button of document.querySelectorAll("[data-take-back]")) {
  button.addEventListener("click", () => withdraw(button));
  button.disabled = false;
}
document.getElementById("decision")?.addEventListener("submit", (event) => event.preventDefault());

async function decide(label) {
  const { platform, id, version, textDigest } = comment.dataset;
  const reason = document.getElementById("reason").value.trim() || null;
  labelButtons.forEach((button) => (button.disabled = true));
  try {
    await rest("POST", "/reviews", { platform, id, version: Number(version), text_digest: textDigest, label, reason });
    window.location.reload();
  } catch (problem) {
    say(problem.code === "edited_meanwhile" ? WORDS.editedHere : problem.message, "danger");
    labelButtons.forEach((button) => (button.disabled = false));
  }
}

async function withdraw(button) {
  const { platform, id } = comment.dataset;
  button.disabled = true;
  try {
    await rest("POST", "/reviews/withdraw", { reviews: [{ platform, id, number: Number(button.dataset.takeBack) }] });
    window.location.reload();
  } catch (problem) {
    say(problem.message, "danger");
    button.disabled = false;
  }
}

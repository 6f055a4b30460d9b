// The page of one comment: a review from here, beside those that were made before.
import { rest, say, words } from "./rest.js";

const WORDS = words("comment-words");
const comment = document.getElementById("comment");

for (const button of document.querySelectorAll("#decision button[data-label]")) {
  button.addEventListener("click", () => decide(button.dataset.label));
}
for (const button of document.querySelectorAll("[data-take-back]")) {
  button.addEventListener("click", () => takeBack(button));
}
document.getElementById("decision")?.addEventListener("submit", (event) => event.preventDefault());

async function decide(label) {
  const { platform, id, version, textDigest } = comment.dataset;
  const reason = document.getElementById("reason").value.trim() || null;
  const buttons = document.querySelectorAll("#decision button");
  buttons.forEach((button) => (button.disabled = true));
  try {
    await rest("POST", "/reviews", { platform, id, version: Number(version), text_digest: textDigest, label, reason });
    window.location.reload();
  } catch (problem) {
    say(problem.code === "edited_meanwhile" ? WORDS.editedHere : problem.message, "danger");
    buttons.forEach((button) => (button.disabled = false));
  }
}

async function takeBack(button) {
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

// The detection page: label one comment or many. The results stay in this tab, so that the back button finds them again.
import { detectMany } from "./detect-many.js";
import { detectOne } from "./detect-one.js";
import { words } from "./rest.js";

const KEPT = "liuyan-detect";
// Browsers limit the storage of a tab to about five million characters.
const LONGEST = 2_000_000;

const one = detectOne(words("detect-words"));
const many = detectMany(words("detect-words"), words("detect-limits"), one.look);

const user = document.body.dataset.user;
const [navigation] = performance.getEntriesByType("navigation");
const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
sessionStorage.removeItem(KEPT);
if (navigation?.type === "back_forward" && kept?.user === user) many.restore(kept);

window.addEventListener("pagehide", () => {
  const text = JSON.stringify({ user, ...many.state() });
  if (text.length <= LONGEST) sessionStorage.setItem(KEPT, text);
});

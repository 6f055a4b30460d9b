// Swiping on a touch screen: right is positive, left is negative, up skips. The buttons do the same.
import { fill, find, show } from "./review-page.js";

const KNOWN = "liuyan-swipes-known";
// Pixels that a finger moves at least, and how much further in one direction than in the other.
const FAR = 80;
const STRAIGHT = 1.5;
// The text follows the finger so far: enough to see it.
const PULL = 0.4;

/** Call `decide` with "positive", "negative" or "skip" when the text is swiped; `words` names them. */
export function wireSwipes(decide, words) {
  if (!window.matchMedia("(hover: none)").matches) return;
  const area = find("swipe-area");
  let start = null;
  show("swipe-hint", !known());
  find("swipe-known").addEventListener("click", forget);
  area.addEventListener("touchstart", (event) => (start = event.touches.length === 1 ? begin(event.touches[0]) : null), { passive: true });
  area.addEventListener("touchmove", (event) => start && pull(meaning(start, event.touches[0]), event.touches[0].clientX - start.x, words), { passive: true });
  area.addEventListener("touchcancel", () => rest((start = null)));
  area.addEventListener("touchend", (event) => {
    const meant = start && meaning(start, event.changedTouches[0]);
    rest((start = null));
    if (!meant) return;
    forget();
    decide(meant);
  });
}

/** A new text is in view: one that fits on the screen can be swiped up, a longer one is scrolled by that. */
export function fitSwipes() {
  find("swipe-area").classList.toggle("is-short", find("article").getBoundingClientRect().height <= window.innerHeight);
}

const begin = ({ clientX, clientY }) => ({ x: clientX, y: clientY, scrolled: window.scrollY });

function meaning(start, touch) {
  const [x, y] = [touch.clientX - start.x, touch.clientY - start.y];
  // Whoever marks some of the text does not swipe.
  if (!window.getSelection().isCollapsed) return null;
  if (Math.abs(x) >= FAR && Math.abs(x) > STRAIGHT * Math.abs(y)) return x > 0 ? "positive" : "negative";
  if (-y >= FAR && -y > STRAIGHT * Math.abs(x) && window.scrollY === start.scrolled) return "skip";
  return null;
}

/** Let the text follow, and say what happens when the finger is lifted. */
function pull(meant, x, words) {
  find("swipe-area").style.translate = `${PULL * x}px 0`;
  show("swiped", meant !== null);
  fill("swiped", meant ? words[meant] : "");
  find("swiped").dataset.meant = meant ?? "";
}

function rest() {
  find("swipe-area").style.translate = "";
  show("swiped", false);
}

// Where the browser keeps nothing, the hint is shown again.
function known() {
  try {
    return window.localStorage.getItem(KNOWN) !== null;
  } catch {
    return false;
  }
}

function forget() {
  show("swipe-hint", false);
  try {
    window.localStorage.setItem(KNOWN, "1");
  } catch {
    // Nothing is kept: the hint is shown on the next page.
  }
}

// Swipe gestures on touch screens: right for positive, left for negative, up to skip. The buttons do the same.
import { fill, find, show } from "./review-page.js";

const KNOWN = "liuyan-swipes-known";
// The minimum distance in pixels, and the minimum ratio of the distances in the two directions.
const FAR = 80;
const STRAIGHT = 1.5;
// The text follows the finger by this share of its distance.
const PULL = 0.4;

/** Call `decide` with "positive", "negative" or "skip" after a swipe; `words` has their texts. */
export function wireSwipes(decide, words) {
  if (!window.matchMedia("(hover: none)").matches) return;
  const area = find("swipe-area");
  let start = null;
  show("swipe-hint", !hintIsKnown());
  find("swipe-known").addEventListener("click", hideHint);
  area.addEventListener("touchstart", (event) => (start = event.touches.length === 1 ? startOf(event.touches[0]) : null), { passive: true });
  area.addEventListener("touchmove", (event) => start && pull(gestureOf(start, event.touches[0]), event.touches[0].clientX - start.x, words), { passive: true });
  area.addEventListener("touchcancel", () => reset((start = null)));
  area.addEventListener("touchend", (event) => {
    const gesture = start && gestureOf(start, event.changedTouches[0]);
    reset((start = null));
    if (!gesture) return;
    hideHint();
    decide(gesture);
  });
}

/** Allow swipes up for a new text only if it fits on the screen; on a longer text they scroll. */
export function fitSwipes() {
  find("swipe-area").classList.toggle("is-short", find("article").getBoundingClientRect().height <= window.innerHeight);
}

const startOf = ({ clientX, clientY }) => ({ x: clientX, y: clientY, scrolled: window.scrollY });

function gestureOf(start, touch) {
  const [x, y] = [touch.clientX - start.x, touch.clientY - start.y];
  // Selecting text is not a swipe.
  if (!window.getSelection().isCollapsed) return null;
  if (Math.abs(x) >= FAR && Math.abs(x) > STRAIGHT * Math.abs(y)) return x > 0 ? "positive" : "negative";
  if (-y >= FAR && -y > STRAIGHT * Math.abs(x) && window.scrollY === start.scrolled) return "skip";
  return null;
}

/** Move the text with the finger and show what releasing it will do. */
function pull(gesture, x, words) {
  find("swipe-area").style.translate = `${PULL * x}px 0`;
  show("swiped", gesture !== null);
  fill("swiped", gesture ? words[gesture] : "");
  find("swiped").dataset.gesture = gesture ?? "";
}

function reset() {
  find("swipe-area").style.translate = "";
  show("swiped", false);
}

// Without storage, every page shows the hint.
function hintIsKnown() {
  try {
    return window.localStorage.getItem(KNOWN) !== null;
  } catch {
    return false;
  }
}

function hideHint() {
  show("swipe-hint", false);
  try {
    window.localStorage.setItem(KNOWN, "1");
  } catch {
    // Without storage, the next page shows the hint again.
  }
}

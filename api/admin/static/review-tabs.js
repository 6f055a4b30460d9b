// What the tabs of one browser know of each other, so that a reviewer who works in two gets other comments in each: the
// server holds comments for a person, whichever tab asks.
const PREFIX = "liuyan-review-held:";
const OWN = `${PREFIX}${Date.now()}-${Math.random()}`;
// A tab that says nothing for as long as the server holds comments is gone.
const LASTS = 600_000;

/** Tell the other tabs which comments this one has; without any it says nothing more. */
export function tell(comments) {
  stored((storage) => {
    if (comments.length) storage.setItem(OWN, JSON.stringify({ until: Date.now() + LASTS, comments }));
    else storage.removeItem(OWN);
  });
}

/** The comments that other tabs have. */
export function others() {
  return stored((storage) => Object.keys(storage).filter((key) => key.startsWith(PREFIX) && key !== OWN).flatMap((key) => read(storage, key))) ?? [];
}

/** Do this while no other tab does, so that two that ask at once are not given the same. Browsers lock over TLS alone. */
export function inTurn(act) {
  return navigator.locks ? navigator.locks.request("liuyan-review-next", act) : act();
}

function read(storage, key) {
  const { until, comments } = JSON.parse(storage.getItem(key) ?? '{"until": 0}');
  if (until > Date.now()) return comments;
  storage.removeItem(key);
  return [];
}

// Where a browser keeps nothing, each tab works as if it were alone.
function stored(act) {
  try {
    return act(window.localStorage);
  } catch {
    return null;
  }
}

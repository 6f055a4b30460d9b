// Coordinate the tabs of a browser, so that each tab shows other comments: leases belong to the reviewer, not to a tab.
const PREFIX = "liuyan-review-held:";
const OWN = `${PREFIX}${Date.now()}-${Math.random()}`;
// Entries expire with the server's leases, in case a tab closed without removing its entry.
const LEASE_MILLISECONDS = 600_000;

/** Publish this tab's comments to the other tabs. */
export function announceHeld(comments) {
  withStorage((storage) => {
    if (comments.length) storage.setItem(OWN, JSON.stringify({ until: Date.now() + LEASE_MILLISECONDS, comments }));
    else storage.removeItem(OWN);
  });
}

/** Return the comments of other tabs. */
export function heldByOthers() {
  return withStorage((storage) => Object.keys(storage).filter((key) => key.startsWith(PREFIX) && key !== OWN).flatMap((key) => read(storage, key))) ?? [];
}

/** Run `act` while no other tab does, so that two tabs do not get the same comments. Browsers have locks only over TLS. */
export function withLock(act) {
  return navigator.locks ? navigator.locks.request("liuyan-review-next", act) : act();
}

function read(storage, key) {
  const { until, comments } = JSON.parse(storage.getItem(key) ?? '{"until": 0}');
  if (until > Date.now()) return comments;
  storage.removeItem(key);
  return [];
}

// Without storage, each tab works alone.
function withStorage(act) {
  try {
    return act(window.localStorage);
  } catch {
    return null;
  }
}

// Collect comments on later pages that match the filter, with their current versions.
import { rest } from "./rest.js";

// The API's maximum per page.
const PAGE = 200;
// Time limit for rare matches; the user can continue with the rest.
const MILLISECONDS = 10_000;

/** Return the fields that identify the reviewed text. */
export const seen = ({ platform, id, version, text_digest }) => ({ platform, id, version, text_digest });

/**
 * Collect up to `most` comments after the position `after` that match `filter`, in list order. `next` is the position of
 * the rest, or null at the end. Call `onCount` with the number found so far. Throws Problem.
 */
export async function collect(filter, after, most, onCount, signal) {
  const comments = [];
  const until = performance.now() + MILLISECONDS;
  while (after && comments.length < most && performance.now() < until) {
    const query = new URLSearchParams({ ...filter, after, limit: Math.min(PAGE, most - comments.length) });
    const page = await rest("GET", `/comments?${query}`, undefined, { signal });
    comments.push(...page.items.map(seen));
    after = page.next;
    onCount(comments.length);
  }
  return { comments, next: after };
}

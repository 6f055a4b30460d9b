// Comments that match a filter beyond the page that is shown, with the texts that they have now.
import { rest } from "./rest.js";

// As many as one answer may hold.
const PAGE = 200;
// Whoever filters for what is rare does not wait for longer: the rest is for the next step.
const MILLISECONDS = 10_000;

/** What a review says of the text that it means. */
export const seen = ({ platform, id, version, text_digest }) => ({ platform, id, version, text_digest });

/**
 * At most `most` comments behind `after` that fulfil `filter`, in the list's order, and where the rest begins (null where
 * there is none). `onCount` hears how many were found so far. Throws Problem.
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

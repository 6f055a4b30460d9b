// Elements of the page: found by their id, filled with text, never with markup.

/** The element with this id. */
export const find = (id) => document.getElementById(id);

/** Put text into the element with this id. */
export function fill(id, text) {
  find(id).textContent = text;
}

/** Show or hide the element with this id. */
export function show(id, shown) {
  find(id).hidden = !shown;
}

/** A new element with this class, holding texts and other elements. */
export function element(tag, className, ...content) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...content);
  return made;
}

// Segments of characters that mean nothing in a path, none of them beginning with a dot.
const PLAIN_ID = /^[A-Za-z0-9_~@:-][A-Za-z0-9_~@:.-]*(\/[A-Za-z0-9_~@:-][A-Za-z0-9_~@:.-]*)*$/;

/** The address of a comment's page, as history_path of the server makes it: an id that is not plain is in the query. */
export function historyPath({ platform, id }) {
  const start = `/admin/comments/${encodeURIComponent(platform)}`;
  return PLAIN_ID.test(id) ? `${start}/${id}` : `${start}?id=${encodeURIComponent(id)}`;
}

/** What tells comments apart. */
export const keyOf = ({ platform, id }) => JSON.stringify([platform, id]);

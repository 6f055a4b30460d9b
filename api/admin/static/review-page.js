// Helpers for elements of a page. Content is always text, never markup.

/** Return the element with this id. */
export const find = (id) => document.getElementById(id);

/** Set the text of the element with this id. */
export function fill(id, text) {
  find(id).textContent = text;
}

/** Show or hide the element with this id. */
export function show(id, shown) {
  find(id).hidden = !shown;
}

/** Create an element with this class that contains texts and other elements. */
export function element(tag, className, ...content) {
  const created = document.createElement(tag);
  if (className) created.className = className;
  created.append(...content);
  return created;
}

// Path segments without special characters, none of them starting with a dot.
const PLAIN_ID = /^[A-Za-z0-9_~@:-][A-Za-z0-9_~@:.-]*(\/[A-Za-z0-9_~@:-][A-Za-z0-9_~@:.-]*)*$/;

/** Return the URL of a comment's history page, like the server's history_path: any other id goes into the query. */
export function historyPath({ platform, id }) {
  const start = `/admin/comments/${encodeURIComponent(platform)}`;
  return PLAIN_ID.test(id) ? `${start}/${id}` : `${start}?id=${encodeURIComponent(id)}`;
}

/** Return a string that identifies a comment. */
export const keyOf = ({ platform, id }) => JSON.stringify([platform, id]);

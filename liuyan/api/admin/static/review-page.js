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

/** The address of a comment's page. A browser takes `.` and `..` out of paths, so such ids stand in the query. */
export function historyPath({ platform, id }) {
  const start = `/admin/comments/${encodeURIComponent(platform)}`;
  const parts = id.split("/");
  if (parts.some((part) => part === "." || part === "..")) return `${start}?id=${encodeURIComponent(id)}`;
  return `${start}/${parts.map(encodeURIComponent).join("/")}`;
}

/** What tells comments apart. */
export const keyOf = ({ platform, id }) => JSON.stringify([platform, id]);

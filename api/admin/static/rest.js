// The REST API as our pages use it: with the session's cookie, and with the token that shows that a page of ours asks.
const ROOT = "/api/v1";
const TOKEN_COOKIE = "liuyan_csrf";

/** What the API answers when it does not do what was asked: `message` is the sentence for people. */
export class Problem extends Error {
  constructor(problem) {
    super(problem.detail);
    this.code = problem.code;
    this.status = problem.status;
    this.errors = problem.errors ?? [];
  }
}

/**
 * Ask `path` below /api/v1; gives the answer's JSON, null where it has none. Throws Problem.
 *
 * With `reload: false` whoever was signed out gets a Problem too: for pages that hold what is not stored yet.
 * `keepalive` lets a request outlive its page.
 */
export async function rest(method, path, body = undefined, options = {}) {
  const sent = body === undefined ? {} : { body: JSON.stringify(body), type: "application/json" };
  const answer = await ask(method, path, { ...options, ...sent });
  if (answer.status === 204) return null;
  const json = await jsonOf(answer);
  if (json.code === "not_json") throw new Problem(json);
  return json;
}

/** The same with a body of any `type`; gives the answer itself, as soon as it begins. Throws Problem. */
export async function ask(method, path, { body, type, signal, reload = true, keepalive = false } = {}) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = type;
  if (!["GET", "HEAD"].includes(method)) headers["X-CSRFToken"] = cookie(TOKEN_COOKIE);
  let answer;
  try {
    answer = await fetch(ROOT + path, { method, headers, signal, keepalive, body, credentials: "same-origin" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ status: 0, code: "no_answer", detail: words("rest-words").noAnswer });
  }
  // Whoever was signed out meanwhile signs in and comes back to this page.
  if (answer.status === 401 && reload) {
    window.location.reload();
    return new Promise(() => {});
  }
  if (!answer.ok) throw new Problem(await jsonOf(answer));
  return answer;
}

// What stands between us and the API may answer in its stead, and not in JSON.
function jsonOf(answer) {
  return answer.json().catch(() => ({ status: answer.status, code: "not_json", detail: words("rest-words").noAnswer }));
}

/** The JSON that the template left in the element `id`. */
export function words(id) {
  return JSON.parse(document.getElementById(id).textContent);
}

/** A message at the top of the page, as the server's own look; `kind` is success, info, warning or danger. */
export function say(message, kind = "success") {
  const alert = document.createElement("div");
  alert.className = `alert alert-${kind} mb-2`;
  alert.setAttribute("role", kind === "danger" ? "alert" : "status");
  alert.textContent = message;
  document.getElementById("alertContainer").replaceChildren(alert);
  alert.scrollIntoView({ block: "nearest" });
}

/** A time of the API in the page's language and the browser's time zone. */
export function showTime(text) {
  return new Date(text).toLocaleString(document.documentElement.lang, { dateStyle: "medium", timeStyle: "medium" });
}

function cookie(name) {
  const found = document.cookie.split("; ").find((one) => one.startsWith(`${name}=`));
  return found ? decodeURIComponent(found.slice(name.length + 1)) : "";
}

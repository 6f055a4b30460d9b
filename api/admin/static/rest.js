// A client for the REST API that authenticates with the session cookie and the CSRF token.
const ROOT = "/api/v1";
const SECONDS_BETWEEN_LOOKS = 3;
const TOKEN_COOKIE = "liuyan_csrf";

/** An error response of the API; `message` is its text for users. */
export class Problem extends Error {
  constructor(problem) {
    super(problem.detail);
    this.code = problem.code;
    this.status = problem.status;
    this.errors = problem.errors ?? [];
  }
}

/**
 * Send a request to `path` below /api/v1 and return the response's JSON, or null if it has none. Throws Problem.
 *
 * If the session has ended, the page stays as it is, asks the user to sign in in another tab, and then repeats the
 * request. With `wait: false` this throws a Problem instead. `keepalive` lets the request outlive the page.
 */
export async function rest(method, path, body = undefined, options = {}) {
  const sent = body === undefined ? {} : { body: JSON.stringify(body), type: "application/json" };
  const answer = await ask(method, path, { ...options, ...sent });
  if (answer.status === 204) return null;
  const json = await jsonOf(answer);
  if (json.code === "not_json") throw new Problem(json);
  return json;
}

/** Like `rest`, with a body of any `type`; return the response as soon as it starts. Throws Problem. */
export async function ask(method, path, { body, type, signal, wait = true, keepalive = false } = {}) {
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
  if (answer.status === 401 && wait) {
    await signedInAgain();
    return ask(method, path, { body, type, signal, wait, keepalive });
  }
  if (!answer.ok) throw new Problem(await jsonOf(answer));
  return answer;
}

let waiting = null;

/** Ask the user to sign in in another tab, and wait until the same account has. Concurrent requests wait together. */
function signedInAgain() {
  waiting ??= waitForSession().finally(() => (waiting = null));
  return waiting;
}

async function waitForSession() {
  const { signedOut, signIn } = words("rest-words");
  const alert = document.createElement("div");
  const link = document.createElement("a");
  alert.className = "alert alert-warning mb-2";
  alert.id = "signed-out";
  alert.setAttribute("role", "alert");
  link.className = "alert-link ms-2";
  link.href = "/admin/login?next=/admin/account";
  link.target = "_blank";
  link.textContent = signIn;
  alert.append(signedOut, link);
  // While a modal dialog is open, nothing outside of it can be clicked.
  (document.querySelector("dialog:modal form") ?? document.getElementById("alertContainer")).prepend(alert);
  alert.scrollIntoView({ block: "nearest" });
  while (!(await isSignedIn())) await nextLook();
  alert.remove();
}

async function isSignedIn() {
  try {
    const answer = await fetch(`${ROOT}/account`, { credentials: "same-origin" });
    return answer.ok && (await answer.json()).name === document.body.dataset.user;
  } catch {
    return false;
  }
}

/** Resolve when the user returns to this tab, and after some seconds in any case. */
function nextLook() {
  return new Promise((resolve) => {
    const look = () => {
      window.removeEventListener("focus", look);
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(look, SECONDS_BETWEEN_LOOKS * 1000);
    window.addEventListener("focus", look);
  });
}

// A proxy may respond instead of the API, without JSON.
function jsonOf(answer) {
  return answer.json().catch(() => ({ status: answer.status, code: "not_json", detail: words("rest-words").noAnswer }));
}

/** Parse the JSON in the element `id`. */
export function words(id) {
  return JSON.parse(document.getElementById(id).textContent);
}

/** Show a message at the top of the page, like a flash message; `kind` is success, info, warning or danger. */
export function say(message, kind = "success") {
  const alert = document.createElement("div");
  alert.className = `alert alert-${kind} mb-2`;
  alert.setAttribute("role", kind === "danger" ? "alert" : "status");
  alert.textContent = message;
  document.getElementById("alertContainer").replaceChildren(alert);
  alert.scrollIntoView({ block: "nearest" });
}

/** Format a REST time in the page's language and the browser's time zone. */
export function showTime(text) {
  return new Date(text).toLocaleString(document.documentElement.lang, { dateStyle: "medium", timeStyle: "medium" });
}

/** Return the value of a cookie that scripts can read. */
export function cookie(name) {
  const found = document.cookie.split("; ").find((one) => one.startsWith(`${name}=`));
  return found ? decodeURIComponent(found.slice(name.length + 1)) : "";
}

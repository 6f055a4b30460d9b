// Send a form only while the session lasts, so that what was typed or selected is not lost: if it has ended, rest.js asks
// the user to sign in in another tab, and the form is sent then.
import { cookie, rest } from "./rest.js";

const checked = new WeakSet();

// On the window, after the listeners on the document: confirm-password.js checks the session of its forms itself.
window.addEventListener("submit", async (event) => {
  const { target: form, submitter } = event;
  if (event.defaultPrevented || form.method !== "post" || form.dataset.leaving || form.getAttribute("action")?.endsWith("/logout")) return;
  if (checked.delete(form)) return;
  event.preventDefault();
  try {
    await rest("GET", "/account");
  } catch {
    // Without an answer, the browser's own error page says so, and its back button keeps the form.
  }
  const token = form.elements.namedItem("csrftoken");
  if (token) token.value = cookie("liuyan_csrf");
  checked.add(form);
  form.requestSubmit(submitter);
});

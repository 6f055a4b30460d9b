// Before sending a form that needs a confirmed session (15 minutes), ask for the password in a dialog and keep the form.
// The server enforces the confirmation; without scripts it responds with a link to a confirmation page.
import { rest } from "./rest.js";

// A confirmation that expires sooner might expire before the form arrives.
const SECONDS_NEEDED = 30;
const dialog = document.getElementById("confirm-password");
const dialogForm = dialog.querySelector("form");
const password = dialogForm.elements.namedItem("own_password");
const problem = document.getElementById("confirm-password-problem");
// The form that waits for the password and its submit button, and the forms that this script has sent.
let waiting = null;
let busy = false;
const sent = new WeakSet();

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || !needsConfirmation(form)) return;
  if (sent.has(form)) {
    // The browser is sending the form: ignore a second click.
    if (form.dataset.leaving) event.preventDefault();
    form.dataset.leaving = "yes";
    // A download leaves the page open: after this event, the next click asks again.
    if ("download" in form.dataset) setTimeout(() => forget(form));
    return;
  }
  event.preventDefault();
  ask(form, event.submitter);
});

// The back button may restore the page with its old state.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) window.location.reload();
});

dialogForm.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (busy) return;
  await whileBusy(async () => {
    try {
      await rest("POST", "/account/confirm", { password: password.value });
    } catch (refused) {
      fail(refused.message);
      return;
    }
    const confirmed = waiting;
    dialog.close();
    if (confirmed) send(confirmed.form, confirmed.submitter);
    else document.getElementById("problem").remove();
  });
});

document.getElementById("confirm-password-cancel").addEventListener("click", () => dialog.close());
dialog.addEventListener("close", () => {
  waiting = null;
  password.value = "";
  password.type = "password";
  dialogForm.querySelector("[data-show-password]").setAttribute("aria-pressed", "false");
});

// Open the dialog instead of following the problem's link, which would lose the form's values.
document.querySelector("#problem a[href^='/admin/confirm']")?.addEventListener("click", (event) => {
  event.preventDefault();
  problem.hidden = true;
  open();
});

function open() {
  dialog.showModal();
  password.focus();
}

function needsConfirmation(form) {
  const fields = form.dataset.needsConfirmation;
  if (fields === undefined) return false;
  if (fields === "") return true;
  return fields.split(" ").some((name) => {
    const field = form.elements.namedItem(name);
    return field && field.value !== field.defaultValue;
  });
}

async function ask(form, submitter) {
  if (busy) return;
  await whileBusy(async () => {
    try {
      const { confirmed_seconds: seconds } = await rest("GET", "/account");
      if (seconds >= SECONDS_NEEDED) {
        send(form, submitter);
        return;
      }
      problem.hidden = true;
    } catch (refused) {
      fail(refused.message);
    }
    waiting = { form, submitter };
    open();
  });
}

function send(form, submitter) {
  sent.add(form);
  form.requestSubmit(submitter);
}

function forget(form) {
  sent.delete(form);
  delete form.dataset.leaving;
}

function fail(message) {
  problem.textContent = message;
  problem.hidden = false;
  password.select();
  password.focus();
}

async function whileBusy(work) {
  busy = true;
  try {
    await work();
  } finally {
    busy = false;
  }
}

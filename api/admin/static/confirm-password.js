// Forms that give access to an account are sent once the password was given within 15 minutes. Until then a dialog asks
// for it, and what was typed stays in the form. The server decides: where no script runs, it answers with a link.
import { rest } from "./rest.js";

// The form is on its way for a moment: a confirmation that ends within it does not count.
const SECONDS_NEEDED = 30;
const dialog = document.getElementById("confirm-password");
const own = dialog.querySelector("form");
const password = own.elements.namedItem("own_password");
const problem = document.getElementById("confirm-password-problem");
// The form that waits for the password with the button that was pressed, and the forms that were sent.
let waiting = null;
let busy = false;
const sent = new WeakSet();

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || !needsConfirmation(form)) return;
  if (sent.has(form)) {
    // Sent by us: the browser goes on. A second press is none.
    if (form.dataset.leaving) event.preventDefault();
    form.dataset.leaving = "yes";
    return;
  }
  event.preventDefault();
  ask(form, event.submitter);
});

// The browser's back button shows the page as it was left.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) window.location.reload();
});

own.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (busy) return;
  await whileBusy(async () => {
    try {
      await rest("POST", "/account/confirm", { password: password.value });
    } catch (refused) {
      fail(refused.message);
      return;
    }
    const asked = waiting;
    dialog.close();
    if (asked) send(asked.form, asked.submitter);
    else document.getElementById("problem").remove();
  });
});

document.getElementById("confirm-password-cancel").addEventListener("click", () => dialog.close());
dialog.addEventListener("close", () => {
  waiting = null;
  password.value = "";
  password.type = "password";
  own.querySelector("[data-show-password]").setAttribute("aria-pressed", "false");
});

// The link of a refusal leads to a page of its own, where what was typed would be lost.
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

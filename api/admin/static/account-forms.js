// Forms with passwords: show the typed password, copy a new secret, and focus the invalid field or the message.
for (const button of document.querySelectorAll("[data-show-password]")) {
  const input = document.getElementById(button.dataset.showPassword);
  button.addEventListener("click", () => {
    const shown = input.type === "password";
    input.type = shown ? "text" : "password";
    button.setAttribute("aria-pressed", String(shown));
  });
}

// Browsers offer the clipboard only over TLS and on the same machine; if they refuse it, select the secret.
for (const button of document.querySelectorAll("[data-copy]")) {
  const secret = document.getElementById(button.dataset.copy);
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(secret.textContent);
    } catch {
      window.getSelection().selectAllChildren(secret);
      return;
    }
    button.textContent = button.dataset.copied;
  });
}

const problem = document.getElementById("problem");
if (problem) (document.querySelector("[aria-invalid]") ?? problem).focus();

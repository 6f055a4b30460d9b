// Forms with passwords: show the typed password, and focus the invalid field or the error message.
for (const button of document.querySelectorAll("[data-show-password]")) {
  const input = document.getElementById(button.dataset.showPassword);
  button.addEventListener("click", () => {
    const shown = input.type === "password";
    input.type = shown ? "text" : "password";
    button.setAttribute("aria-pressed", String(shown));
  });
}

const problem = document.getElementById("problem");
if (problem) (document.querySelector("[aria-invalid]") ?? problem).focus();

// After signing out here, continue to the provider, which signs the browser out too and returns to the sign-in page.
window.location.replace(document.getElementById("elsewhere").href);

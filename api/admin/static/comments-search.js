// The comment list: show the number of matches, and continue a search that the time limit ended.
const total = document.getElementById("total");
if (total) {
  const answer = await fetch(total.dataset.url);
  if (answer.ok) total.textContent = (await answer.json()).words;
}

// Each request searches for at most half a second, so that the server stays responsive. Continue until a page has
// matches or the search ends, and show how far back it has looked. If matches are shown already, they stay, and the
// button leads to the next ones.
const searching = document.getElementById("searching");
const stop = document.getElementById("stop-searching");
const next = document.getElementById("next");
let stopped = false;
if (searching) {
  stop.hidden = false;
  stop.addEventListener("click", () => (stopped = true));
  await search(searching.dataset.next);
  stop.hidden = true;
}

async function search(url) {
  while (!stopped) {
    const answer = await fetch(url);
    if (!answer.ok || answer.redirected) return; // The button remains.
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const more = page.getElementById("searching");
    const found = page.querySelector(".comment-row");
    if (found || !more) {
      show(url, found);
      return;
    }
    document.getElementById("searched-to").replaceChildren(...page.getElementById("searched-to").childNodes);
    url = more.dataset.next;
    next.href = url;
  }
}

/** Open the page with the next matches, or offer it if this page has matches. */
function show(url, found) {
  if (!document.querySelector(".comment-row")) {
    window.location.replace(url);
    return;
  }
  next.href = url;
  if (found) return;
  searching.textContent = searching.dataset.end;
  next.remove();
}

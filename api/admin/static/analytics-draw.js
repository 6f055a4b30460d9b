// Draw Plotly charts in the style of the pages.
/* global Plotly */

/** Draw the traces `data` with `layout` in `target`. */
export function draw(target, { data, layout }) {
  const style = getComputedStyle(document.body);
  const base = {
    margin: { t: 10, r: 10, b: 40, l: 50 },
    height: 290,
    font: { family: style.fontFamily, color: style.color, size: 12 },
    paper_bgcolor: "transparent",
    plot_bgcolor: "transparent",
    legend: { orientation: "h", traceorder: "normal", y: 1.02, yanchor: "bottom", x: 0 },
  };
  const options = { displayModeBar: false, responsive: true };
  Plotly.react(target, data.map(asText), { ...base, ...layout }, options);
}

// Plotly interprets some markup in names, so escape them.
function asText(trace) {
  const plain = (value) => (typeof value === "string" ? value.replaceAll("&", "&amp;").replaceAll("<", "&lt;") : value);
  return { ...trace, name: plain(trace.name), x: trace.x.map(plain), y: trace.y.map(plain) };
}

// Draw Plotly charts in the style of the pages.
/* global Plotly */

// What each element shows, to draw it again when the theme changes.
const drawn = new Map();
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const [target, figure] of drawn) if (target.isConnected) draw(target, figure);
});

/** Draw the traces `data` and the `layout` that `figure` returns in `target`; it is called again for another theme. */
export function draw(target, figure) {
  const { data, layout } = figure();
  drawn.set(target, figure);
  const style = getComputedStyle(document.body);
  const lines = style.getPropertyValue("--tblr-border-color");
  const axis = { gridcolor: lines, zerolinecolor: lines, linecolor: lines };
  const base = {
    margin: { t: 10, r: 10, b: 40, l: 50 },
    height: 290,
    font: { family: style.fontFamily, color: style.color, size: 12 },
    paper_bgcolor: "transparent",
    plot_bgcolor: "transparent",
    template: { layout: { xaxis: axis, yaxis: axis } },
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

// Plotly: where it comes from, and how its figures look.

const CIVIDIS = ["#00204d", "#00336f", "#39486b", "#575c6d", "#707173", "#8a8779", "#a69d75", "#c4b56c", "#e4cf5b", "#ffea46"];
const LIGHT = ["#8c4a05", "#e08a26", "#f6d3a5", "#f4f4f2", "#b3d1ea", "#4a90c9", "#0b4c88"];
const DARK = ["#ffb35c", "#c47a22", "#6a4721", "#1d232b", "#27496a", "#3d86c6", "#8cc8ff"];
const scale = (colours) => colours.map((each, place) => [place / (colours.length - 1), each]);

let loading;

/** Load plotly, once; an error says how it is installed. */
export function plotly() {
  loading ??= new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = "page/plotly.min.js";
    const missing = () =>
      failed(new Error("The figures are drawn with plotly, which is not installed: pip install 'headgate[plot]', and start the server again."));
    script.onload = () => (window.Plotly ? done(window.Plotly) : missing());
    script.onerror = missing;
    document.head.append(script);
  });
  return loading;
}

export const dark = matchMedia("(prefers-color-scheme: dark)");
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** The colours of lines: the first, and the one beside it. */
export const lines = () => (dark.matches ? ["#8cc8ff", "#ffb35c"] : ["#0b57a4", "#b35806"]);

/** The colours of a heat map: gates from 0 to 1, all else on both sides of 0. */
export function colours(gate, most) {
  if (gate) return { colorscale: scale(CIVIDIS), zmin: 0, zmax: 1 };
  return { colorscale: scale(dark.matches ? DARK : LIGHT), zmin: -most, zmax: most };
}

/** What the layouts of all figures have. */
export function layout(rest) {
  const axis = { gridcolor: colour("line"), zerolinecolor: colour("soft"), linecolor: colour("line") };
  const axes = Object.fromEntries(
    Object.entries(rest).map(([name, value]) => [name, /axis\d*$/.test(name) ? { ...axis, ...value } : value]),
  );
  return {
    paper_bgcolor: colour("card"),
    plot_bgcolor: colour("card"),
    font: { color: colour("ink"), family: "system-ui, sans-serif", size: 12 },
    margin: { l: 46, r: 10, t: 8, b: 40 },
    hoverlabel: { font: { family: "system-ui, sans-serif" } },
    showlegend: false,
    dragmode: "zoom",
    ...axes,
  };
}

export const HOW = { displayModeBar: false, displaylogo: false, responsive: true, doubleClick: "reset", scrollZoom: false };

// Where a model looked: each token that it wrote, against the tokens that it read.
import { ask, tell } from "./api.js";
import { at, label, number, visible } from "./dom.js";
import { HOW, dark, layout, plotly } from "./plots.js";
import { followed, hear, state } from "./store.js";

const NAMED = 60; // tokens up to which they stand at an axis
let found = null;

/** Draw the attention of what is looked at. */
export function begin() {
  hear((names) => {
    if (names.has("looks")) renew().catch(tell);
    else if (names.has("step") || names.has("part")) mark();
  });
  dark.addEventListener("change", () => found && draw().catch(tell));
}

const figure = () => at("attention").querySelector(".figure");
const say = (text) => (at("attention").querySelector("output").textContent = text);

async function renew() {
  const first = followed();
  found = null;
  at("attention").hidden = !first.attention;
  if (!first.attention) return;
  const came = await ask("v1/inspect/attention", { id: first.id });
  if (followed() !== first) return;
  found = came;
  await draw();
}

async function draw() {
  const Plotly = await plotly();
  const { source, target, weights } = found;
  const map = {
    type: "heatmap", x: source.map((_, place) => place), y: target.map((_, place) => place), z: weights,
    colorscale: "Cividis", zmin: 0, zmax: 1, hoverinfo: "none",
    colorbar: { thickness: 10, outlinewidth: 0 },
  };
  const height = Math.min(620, Math.max(220, 22 * target.length + 90));
  const drawn = layout({
    height,
    margin: { l: 70, r: 50, t: 8, b: 60 },
    xaxis: { title: { text: "reads" }, showgrid: false, zeroline: false, ...ticks(source) },
    yaxis: { title: { text: "writes" }, autorange: "reversed", showgrid: false, zeroline: false, ...ticks(target) },
    shapes: marker(),
  });
  await Plotly.react(figure(), [map], drawn, HOW);
  figure().setAttribute("aria-label", `Attention of ${target.length} tokens written on ${source.length} tokens read`);
  figure().removeAllListeners?.("plotly_hover");
  figure().on("plotly_hover", ({ points: [point] }) => {
    const [row, column] = point.pointNumber;
    say(`“${visible(target[row])}” looks at “${visible(source[column])}”: ${number(weights[row][column])}`);
  });
  told();
}

function ticks(tokens) {
  if (tokens.length > NAMED) return {};
  return { tickvals: tokens.map((_, place) => place), ticktext: tokens.map((each) => label(each, 10)) };
}

function marker() {
  const { step, part } = state;
  const line = { color: dark.matches ? "#fff" : "#d81b60", width: 2 };
  const [x, y] = part === "decoder" ? ["paper", "y"] : ["x", "paper"];
  const [low, high] = [step - 1.5, step - 0.5];
  const across = part === "decoder" ? { x0: 0, x1: 1, y0: low, y1: high } : { x0: low, x1: high, y0: 0, y1: 1 };
  return [{ type: "rect", xref: x, yref: y, ...across, line, fillcolor: "rgba(0,0,0,0)" }];
}

function mark() {
  if (!found || !figure().on) return;
  window.Plotly.relayout(figure(), { shapes: marker() });
  told();
}

/** Say the strongest links of the present step. */
function told() {
  const { source, target, weights } = found;
  const place = state.step - 1;
  const decoding = state.part === "decoder";
  const links = decoding ? (weights[place] ?? []) : weights.map((row) => row[place]);
  const names = decoding ? source : target;
  const best = links.map((weight, other) => [weight ?? 0, other]).sort((a, b) => b[0] - a[0]).slice(0, 3);
  const said = best.filter(([weight], place) => !place || weight >= 0.01).map(([weight, other]) => `“${visible(names[other])}” ${number(weight, 3)}`).join(", ");
  const token = visible((decoding ? target : source)[place] ?? "");
  say(decoding ? `Writing “${token}” it looks at ${said}.` : `At “${token}” it looks while writing ${said}.`);
}

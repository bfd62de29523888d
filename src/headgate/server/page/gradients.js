// What each step adds to an answer, and how the answer's gradient goes back through the states.
import { latest, tell } from "./api.js";
import { at, choice, el, label, number, visible } from "./dom.js";
import { HOW, dark, layout, lines, plotly } from "./plots.js";
import { followed, hear, partOf, state } from "./store.js";

const AT_ONCE = 200; // steps up to which it is worked out without being asked for
const LISTED = 400; // answers up to which they are chosen from a list
const NAMED = 60;
const ask = latest();
let place = null;
let found = null;

/** Follow what is looked at. */
export function begin() {
  hear((names) => {
    if (names.has("looks") || names.has("part")) {
      place = null;
      found = null;
      choices();
      clear();
      if (partOf(followed()).tokens.length <= AT_ONCE) renew().catch(tell);
    } else if (names.has("step")) mark();
  });
  dark.addEventListener("change", () => found && draw().catch(tell));
}

function clear() {
  at("shares").hidden = at("norms").hidden = true;
  at("gradients-said").textContent = "";
}

function choices() {
  const part = partOf(followed());
  const count = part.places.length;
  const chosen = (text) => {
    place = text === "" ? null : Math.min(Math.max(0, Math.trunc(Number(text)) || 0), count - 1);
    renew().catch(tell);
  };
  const names = part.places.map((each, number) => [String(number), `${number}: ${visible(each)}`]);
  const last = count - 1;
  const numbered = el("input", { type: "number", min: 0, max: last, value: last, onchange: (event) => chosen(event.target.value) });
  const asked = count === 1 ? [] : [count <= LISTED ? choice("Answer", names, String(last), chosen) : el("label", {}, "Answer ", numbered)];
  if (part.tokens.length > AT_ONCE) asked.push(el("button", { type: "button", onclick: () => renew().catch(tell) }, "Work it out"));
  at("gradients").querySelector(".choices").replaceChildren(...asked);
}

async function renew() {
  at("gradients-said").textContent = "Going back …";
  const got = await ask("v1/inspect/gradients", { id: followed().id, part: partOf(followed()).name, place });
  if (!got) return;
  found = got;
  await draw();
}

async function draw() {
  const Plotly = await plotly();
  const { tokens } = partOf(followed());
  const x = tokens.map((_, step) => step + 1);
  const [more, less] = lines();
  const how = found.method === "integrated_gradients" ? "integrated gradients" : "gradient × input";
  const few = tokens.length <= NAMED;
  const ticks = few ? { tickvals: x, ticktext: tokens.map((each) => label(each, 9)) } : { title: { text: "step" } };
  at("shares").hidden = false;
  at("norms").hidden = !found.states.length;
  const shares = { type: tokens.length > 1000 ? "scattergl" : "bar", x, y: found.attribution, hovertemplate: "step %{x}<br><b>%{y:.4g}</b><extra></extra>" };
  if (shares.type === "bar") shares.marker = { color: found.attribution.map((each) => (each >= 0 ? more : less)) };
  else Object.assign(shares, { type: "scatter", mode: "lines", line: { color: more, width: 1 } });
  const title = { text: "adds to the score" };
  await Plotly.react(at("shares"), [shares], layout({ height: 230, margin: { l: 56, r: 10, t: 8, b: 50 }, xaxis: ticks, yaxis: { title }, shapes: [marker()] }), HOW);
  if (found.states.length) await norms(Plotly, x, ticks);
  said(how, tokens);
}

async function norms(Plotly, x, ticks) {
  const dashes = ["solid", "dot", "dash", "dashdot"];
  const colours = lines();
  const drawn = found.states.map((each, place) => ({
    type: "scatter", mode: x.length < 80 ? "lines+markers" : "lines", x, y: each.norms.map((norm) => norm || null),
    name: `${each.name}, ${each.layer}`, line: { color: colours[place % 2], dash: dashes[(place >> 1) % 4], width: 1.5 }, marker: { size: 4 },
    hovertemplate: `${each.name}, layer ${each.layer}, step %{x}<br><b>%{y:.3g}</b><extra></extra>`,
  }));
  const axes = { xaxis: ticks, yaxis: { type: "log", title: { text: "gradient" }, exponentformat: "power", nticks: 6 } };
  const legend = { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" };
  await Plotly.react(at("norms"), drawn, layout({ height: 250, margin: { l: 56, r: 10, t: 34, b: 50 }, ...axes, showlegend: true, legend, shapes: [marker()] }), HOW);
  at("norms").setAttribute("aria-label", "The size of the gradient in each state after each step, on a scale of powers of ten");
}

function said(how, tokens) {
  const order = found.attribution.map((share, step) => [share ?? 0, step]).sort((a, b) => Math.abs(b[0]) - Math.abs(a[0]));
  const best = order.slice(0, 4).filter(([share]) => share).map(([share, step]) => `“${visible(tokens[step])}” ${number(share, 3)}`);
  const text = `What each step adds to the score of ${found.answer} (${how}): most ${best.join(", ")}.`;
  at("gradients-said").textContent = found.why ? `${text} Of the states: ${found.why}.` : text;
  at("shares").setAttribute("aria-label", text);
}

function marker() {
  const line = { color: dark.matches ? "#fff" : "#d81b60", width: 1 };
  return { type: "line", xref: "x", yref: "paper", x0: state.step, x1: state.step, y0: 0, y1: 1, line };
}

function mark() {
  for (const id of ["shares", "norms"]) {
    if (found && at(id).on && !at(id).hidden) window.Plotly.relayout(at(id), { shapes: [marker()] });
  }
}

// The units that are most open and most shut at a step, and what the model says there.
import { latest, tell } from "./api.js";
import { at, bar, calm, el, number, visible } from "./dom.js";
import { chosenOf, followed, hear, partOf, state } from "./store.js";

const ask = latest();

/** Follow the step. */
export function begin() {
  const later = calm(() => renew().catch(tell), 60);
  hear((names) => {
    if (["looks", "part", "layer", "name", "step", "held"].some((each) => names.has(each))) later();
  });
}

async function renew() {
  const part = partOf(followed());
  const { layer, value } = chosenOf(part);
  const id = state.held?.id ?? followed().id;
  const asked = { id, part: part.name, layer, name: value.name, step: state.step };
  const found = await ask("v1/inspect/step", asked);
  if (!found) return;
  const [up, down] = value.gate ? ["Most open", "Most shut"] : ["Greatest", "Least"];
  at("units").replaceChildren(
    el("h3", {}, `Step ${found.step}: “${visible(found.token)}”`),
    el("p", {}, `${value.name}${state.held ? ", held" : ""}: mean ${number(found.mean)}`),
    el("div", { class: "units" }, list(up, found.highest), list(down, found.lowest)),
    ...(found.says.length ? [says(found.says)] : []),
  );
}

function list(title, units) {
  const rows = units.map((each) =>
    el("tr", {}, el("th", { scope: "row" }, each.unit), el("td", { class: "number" }, number(each.value, 3))),
  );
  return el("div", {}, el("h3", {}, title), el("table", { "aria-label": title }, el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "unit"), el("th", { scope: "col", class: "number" }, "value"))), el("tbody", {}, ...rows)));
}

function says(choices) {
  const chances = choices.length > 1 && choices.every((each) => each.value >= 0 && each.value <= 1);
  const rows = choices.map((each) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, visible(each.choice)),
      el("td", { class: "number" }, number(each.value, 3)),
      chances ? el("td", { class: "bar" }, bar({ before: each.value })) : null,
    ),
  );
  return el("div", {}, el("h3", {}, "Says after it"), el("table", { "aria-label": "Says after it" }, el("tbody", {}, ...rows)));
}

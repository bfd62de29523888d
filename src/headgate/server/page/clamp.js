// A gate or state that is held by hand, and what the model answers then.
import { latest, tell } from "./api.js";
import { bar, at, calm, choice, el, number, visible } from "./dom.js";
import { change, chosenOf, followed, hear, partOf, state } from "./store.js";

const ask = latest();
const fields = {};
let wanted = null; // of the address, once

/** Make the form; `told` is called when what is held changes. */
export function begin(address, told) {
  wanted = address.clamp ? JSON.parse(address.clamp) : null;
  const later = calm(() => hold(told).catch(tell), 120);
  const form = at("clamp");
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", (event) => {
    if (event.target === fields.slider) fields.number.value = fields.slider.value;
    if (event.target === fields.number) fields.slider.value = fields.number.value;
    later();
  });
  hear((names) => {
    if (names.has("looks") || names.has("part")) {
      fill(told);
      if (wanted) set(wanted, told);
      wanted = null;
    }
  });
}

function fill(told) {
  const part = partOf(followed());
  const { value } = chosenOf(part);
  const names = part.values.map((each) => each.name);
  const held = choice("Hold", names, value.name, () => scale(part));
  const layer = choice("in layer", [["", "every"], ...part.layers], "", () => {});
  const text = (name, about) => {
    fields[name] = el("input", { size: 7, value: "all", inputmode: "numeric", "aria-describedby": "held-hint" });
    return el("label", {}, `${about} `, fields[name]);
  };
  fields.name = held.querySelector("select");
  fields.layer = layer.querySelector("select");
  fields.slider = el("input", { type: "range", step: "any", "aria-label": "Value" });
  fields.number = el("input", { type: "number", step: "any", "aria-label": "Value in digits" });
  const free = el("button", { type: "button", onclick: () => release(told) }, "Let go");
  at("clamp").replaceChildren(
    held, layer, text("units", "units"), text("steps", "steps"), el("label", {}, "at ", fields.slider), fields.number, free,
    el("span", { class: "hint", id: "held-hint" }, "Units and steps: all, 5, or 2:6. What the model wrote stays as it was: each answer is judged after the same ones."),
  );
  at("changed").replaceChildren();
  scale(part);
}

/** Let the slider go from what shuts to what opens a gate, or over the values of a state. */
function scale(part) {
  const value = part.values.find((each) => each.name === fields.name.value);
  const most = Math.max(Math.abs(value.low ?? 1), Math.abs(value.high ?? 1), 1e-3);
  const size = Number(most.toPrecision(2));
  const [low, high] = value.gate ? [0, 1] : [-size, size];
  Object.assign(fields.slider, { min: low, max: high, step: (high - low) / 100 });
  fields.slider.value = fields.number.value = value.gate ? 1 : 0;
}

function set(found, told) {
  fields.name.value = found.name;
  scale(partOf(followed()));
  fields.layer.value = found.layer ?? "";
  for (const name of ["units", "steps"]) fields[name].value = found[name] ?? "all";
  fields.slider.value = fields.number.value = found.value;
  hold(told).catch(tell);
}

function range(text) {
  const trimmed = text.trim();
  if (trimmed === "" || trimmed === "all") return null;
  const found = /^(\d+)(?:\s*[:–-]\s*(\d+))?$/.exec(trimmed);
  if (!found) throw new Error(`all, a number or a range such as 2:6 was wanted, and ${trimmed.slice(0, 40)} came`);
  return [Number(found[1]), Number(found[2] ?? found[1])];
}

async function hold(told) {
  at("problem").textContent = "";
  const look = followed();
  const { name, layer, units, steps, number: digits } = fields;
  if (digits.value === "") return;
  const value = Number(digits.value);
  const clamp = { name: name.value, value, layer: layer.value || null, units: range(units.value), steps: range(steps.value) };
  const part = partOf(look).name;
  const found = await ask("v1/inspect/what-if", { id: look.id, part, clamps: [clamp] });
  if (!found || followed() !== look) return;
  draw(found);
  change({ held: found });
  told(JSON.stringify({ name: clamp.name, value, layer: clamp.layer, units: units.value, steps: steps.value }));
}

function release(told) {
  at("changed").replaceChildren();
  scale(partOf(followed()));
  change({ held: null });
  told(null);
}

function draw(found) {
  const chances = found.kind === "log-probabilities";
  const { answers, count } = found;
  const [before, after] = found.score;
  const moved = count > 1 && chances ? ` ${found.changed} of ${count} answers have another likeliest choice.` : "";
  const score = `The score of what was answered: ${number(before)} before, ${number(after)} after${found.unit ? ` (${found.unit})` : ""}.`;
  const table = count === 1 && chances ? one(answers[0]) : several(answers, chances);
  at("changed").replaceChildren(
    el("p", {}, el("strong", {}, found.changes.join(", ")), ` — ${score}${moved}`),
    el("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Answers before and after" }, table),
    ...(count > answers.length ? [el("p", { class: "hint" }, `The ${answers.length} answers that changed most.`)] : []),
  );
}

const head = (...names) => el("thead", {}, el("tr", {}, ...names.map(([each, kind]) => el("th", { scope: "col", class: kind }, each))));

function one(answer) {
  const rows = answer.choices.map((each) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, visible(each.choice)),
      el("td", { class: "number" }, number(each.before)),
      el("td", { class: "number" }, number(each.after)),
      el("td", { class: "bar" }, bar({ before: each.before, after: each.after })),
    ),
  );
  return el("table", {}, head(["choice"], ["before", "number"], ["after", "number"], [""]), el("tbody", {}, ...rows));
}

function several(answers, chances) {
  const best = (answer, when) => answer.choices.reduce((a, b) => ((b[when] ?? 0) > (a[when] ?? 0) ? b : a));
  const rows = answers.map((answer) => {
    const said = chances
      ? ["before", "after"].map((when) => `${visible(best(answer, when).choice)} ${number(best(answer, when)[when], 3)}`)
      : ["before", "after"].map((when) => answer.choices.map((each) => number(each[when])).join(", "));
    const name = `${answer.number + 1}: ${visible(answer.place)}`;
    return el("tr", {}, el("th", { scope: "row" }, name), ...said.map((each) => el("td", {}, each)), el("td", { class: "number" }, number(answer.change, 3)));
  });
  return el("table", {}, head(["answer"], ["before"], ["after"], ["change", "number"]), el("tbody", {}, ...rows));
}

// The heat maps: of one inspection, or of two with their difference, all on one scale.
import { tell } from "./api.js";
import { at, calm, choice, el } from "./dom.js";
import { Heat, within } from "./heat.js";
import { dark } from "./plots.js";
import { change, chosenOf, followed, hear, partOf, state } from "./store.js";
import { go } from "./strip.js";

let heats = [];
let view = {};
let most = [];
let unit = 0;

/** Make the maps, their choices and their zoom. */
export function begin() {
  hear((names) => {
    if (names.has("looks")) view = state.from ? { steps: [state.from, state.to] } : {};
    else if (names.has("part")) look({});
    if (["looks", "part", "layer", "name"].some((each) => names.has(each))) choices();
    if (["looks", "part", "layer", "name", "held"].some((each) => names.has(each))) renew().catch(tell);
    else if (names.has("step")) follow();
  });
  at("zoom").addEventListener("click", (event) => {
    const how = event.target.dataset.zoom;
    if (how) zoom(how);
  });
  dark.addEventListener("change", () => paint().catch(tell));
  addEventListener("resize", calm(() => refresh().catch(tell), 250));
}

function choices() {
  const part = partOf(followed());
  const { layer, value } = chosenOf(part);
  const parts = followed().parts.map((each) => each.name);
  const chosen = document.activeElement?.closest("label")?.firstChild?.textContent;
  at("choices").replaceChildren(
    ...(parts.length > 1 ? [choice("Part", parts, part.name, (name) => change({ part: name, step: 1, held: null }))] : []),
    choice("Layer", part.layers.map(direction), layer, (name) => change({ layer: name })),
    choice("Show", part.values.map((each) => [each.name, `${each.name} (${each.gate ? "gate" : "state or value"})`]), value.name, (name) => change({ name })),
  );
  // a list that was made anew keeps the focus
  for (const label of at("choices").children) if (label.firstChild.textContent === chosen) label.lastChild.focus();
}

const direction = (name) => [name, name.endsWith(" reverse") ? `${name.replace(" reverse", "")}, backwards` : name];

/** What is drawn: the first inspection, what it is compared with, and the difference. */
function specs() {
  const [first, second] = state.held ? [followed()] : state.looks;
  const other = state.held ?? second;
  const mine = spec(first, other ? (state.held ? "as it was" : first.title) : "");
  if (!other) return [mine];
  const its = state.held ? { ...mine, id: state.held.id, title: `${mine.name}, held` } : spec(second, second.title);
  const same = mine.name === its.name && mine.units === its.units;
  if (!same) return [mine, its];
  const count = Math.min(mine.count, its.count);
  const title = state.held ? "held minus as it was" : "the second minus the first";
  return [mine, its, { ...its, minus: mine.id, gate: false, difference: true, count, title }];
}

function spec(look, about) {
  const part = partOf(look);
  const { layer, value } = chosenOf(part);
  const named = `${value.name}, layer ${layer}`;
  return {
    id: look.id, part: part.name, layer, name: value.name, gate: value.gate, units: value.units,
    count: part.tokens.length, tokens: part.tokens, title: about ? `${named}, ${about}` : named,
  };
}

async function renew() {
  const wanted = specs();
  if (wanted.length !== heats.length) {
    for (const each of heats) each.close();
    heats = wanted.map(() => new Heat({ walk: go, zoomed: (to) => look(to), read: say }));
    for (const each of heats) each.element.addEventListener("keydown", (event) => keyed(each, event));
    at("maps").className = wanted.length > 1 ? "several" : "";
    at("maps").replaceChildren(...heats.map((each) => el("div", {}, el("h3"), each.box)));
  }
  wanted.forEach((each, place) => {
    const box = at("maps").children[place];
    box.className = each.difference ? "difference" : "";
    box.firstChild.textContent = each.title;
    heats[place].step = state.step;
    heats[place].wanted = each;
  });
  most = [];
  await refresh();
}

async function refresh() {
  const mine = heats;
  const came = await Promise.all(mine.map((each) => each.fetch(each.wanted, fitted(each.wanted))));
  if (mine !== heats || came.some((each) => !each)) return;
  if (!most.length) most = scales();
  await paint();
}

const paint = () => Promise.all(heats.map((each, place) => each.draw(most[place])));

/** The greatest size of each map: those that are compared have one. */
function scales() {
  const sizes = heats.map(({ window: { line } }) => Math.max(1e-6, ...[...line.low, ...line.high].map((each) => Math.abs(each ?? 0))));
  const both = Math.max(...sizes.filter((_, place) => !heats[place].wanted.difference));
  return sizes.map((size, place) => (heats[place].wanted.difference ? size : both));
}

/** The visible steps: as wide in each map, as long as there are any. */
function fitted(wanted) {
  const longest = Math.max(...heats.map((each) => each.wanted.count));
  const units = view.units && wanted.units > view.units[0] ? view.units : undefined;
  return { steps: view.steps ?? [1, longest], units };
}

const later = calm(() => refresh().catch(tell), 120);

function look(to) {
  view = to;
  change({ from: to.steps?.[0] ?? null, to: to.steps?.[1] ?? null });
  later();
}

function zoom(how) {
  const longest = Math.max(...heats.map((each) => each.wanted.count));
  const [first, last] = view.steps ?? [1, longest];
  const size = last - first + 1;
  const wide = how === "in" ? Math.max(4, Math.round(size / 2)) : how === "out" ? size * 2 : size;
  const middle = how === "in" && state.step >= first && state.step <= last ? state.step : (first + last) / 2;
  const shift = how === "left" ? -Math.ceil(size / 2) : how === "right" ? Math.ceil(size / 2) : 0;
  const start = Math.round(Math.min(Math.max(1, middle - (wide - 1) / 2 + shift), Math.max(1, longest - wide + 1)));
  const steps = within([start, start + wide - 1], 1, longest);
  look(how === "all" || steps[1] - steps[0] + 1 >= longest ? {} : { ...view, steps });
}

/** Mark the step; where it is out of sight, look there. */
function follow() {
  for (const each of heats) each.mark(state.step);
  if (!view.steps || (state.step >= view.steps[0] && state.step <= view.steps[1])) return;
  const size = view.steps[1] - view.steps[0];
  const start = Math.max(1, state.step - Math.round(size / 2));
  look({ ...view, steps: [start, start + size] });
}

const say = (text) => (at("reading").textContent = text);

const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

async function keyed(heat, event) {
  const move = KEYS[event.key];
  if (!move || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  unit = Math.min(Math.max(0, unit + move[1]), heat.wanted.units - 1);
  if (move[0]) go(state.step + move[0]);
  const text = await heat.value(Math.min(state.step, heat.wanted.count), unit).catch(tell);
  if (text) say(text);
}

// The tokens in a strip: arrows walk, and of many those round the present step are there.
import { at, choice, el, visible } from "./dom.js";
import { change, fitted, followed, hear, partOf, state } from "./store.js";

const ROUND = 150; // tokens on each side
let from = 0;
let shown = null;

/** Make the strip, its slider and its keys. */
export function begin() {
  const strip = at("strip");
  strip.addEventListener("keydown", keyed);
  strip.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) go(Number(option.dataset.step));
  });
  at("walk").addEventListener("input", (event) => go(Number(event.target.value)));
  at("back").addEventListener("click", () => go(state.step - 1));
  at("on").addEventListener("click", () => go(state.step + 1));
  hear((names) => {
    if (names.has("looks") || names.has("part")) fill();
    else if (names.has("step")) mark();
  });
}

/** Walk to a step, as far as there are steps. */
export function go(step) {
  change({ step: Math.min(Math.max(1, step), tokens().length) });
}

const tokens = () => (state.looks.length ? partOf(followed()).tokens : []);
const KEYS = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1, PageUp: -10, PageDown: 10 };

function keyed(event) {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const ends = { Home: 1, End: tokens().length };
  const step = event.key in KEYS ? state.step + KEYS[event.key] : ends[event.key];
  if (step === undefined) return;
  event.preventDefault();
  go(step);
}

function fill() {
  shown = null;
  const count = tokens().length;
  at("walk").max = String(count);
  at("follow").replaceChildren(...(state.looks.length > 1 ? [follow()] : []));
  mark();
}

/** Which of two is walked through. */
function follow() {
  const names = state.looks.map((each, place) => [String(place), each.title]);
  return choice("Follow", names, String(state.place), (text) => {
    const place = Number(text);
    change({ place, held: null, ...fitted(state.looks[place], state) });
    at("follow").querySelector("select").focus(); // the list was made anew
  });
}

function mark() {
  const all = tokens();
  const strip = at("strip");
  if (shown !== all || state.step <= from || state.step > from + strip.children.length) {
    from = Math.max(0, Math.min(state.step - 1 - ROUND, all.length - 2 * ROUND));
    shown = all;
    strip.replaceChildren(...all.slice(from, from + 2 * ROUND).map(option));
  }
  strip.querySelector("[aria-selected=true]")?.setAttribute("aria-selected", "false");
  const here = strip.children[state.step - 1 - from];
  if (here) {
    here.setAttribute("aria-selected", "true");
    strip.setAttribute("aria-activedescendant", here.id);
    strip.scrollTop = here.offsetTop - strip.offsetTop - strip.clientHeight / 2;
  }
  at("walk").value = String(state.step);
  at("walk").setAttribute("aria-valuetext", `step ${state.step}, ${visible(all[state.step - 1] ?? "")}`);
  at("where").textContent = `${state.step} of ${all.length}`;
  at("back").disabled = state.step <= 1;
  at("on").disabled = state.step >= all.length;
}

function option(token, place) {
  const step = from + place + 1;
  const about = { role: "option", id: `step-${step}`, "data-step": step, "aria-selected": "false" };
  return el("span", { ...about, "aria-posinset": step, "aria-setsize": shown.length }, visible(token));
}

// The form: which models read what.
import { ask, tell } from "./api.js";
import { at, choice, el } from "./dom.js";
import { field, given } from "./given.js";

let cards = [];
const sides = [{ name: "Input" }, { name: "Beside it" }];

/** Make the form; `looked` is called with what was seen. */
export async function begin(address, looked) {
  cards = (await ask("v1/models")).data;
  at("first").append(...asked(sides[0], address.model, address.text));
  at("second").append(...asked(sides[1], address.other ?? address.model, address.beside ?? address.text));
  show("beside" in address || "other" in address);
  at("beside").addEventListener("click", () => show(at("second").hidden));
  at("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    look(looked).catch(tell);
  });
  return address.text !== undefined ? look(looked, address) : null;
}

function show(open) {
  at("second").hidden = !open;
  at("beside").setAttribute("aria-expanded", String(open));
  at("beside").textContent = open ? "Leave out the second" : "Compare with another";
}

function asked(side, model, text) {
  side.card = cards.find((each) => each.id === model) ?? cards[0];
  const place = el("div");
  const fill = (kept) => {
    Object.assign(side, field(side.card.reads, kept, side.name));
    place.replaceChildren(side.made, side.hint);
  };
  fill(text);
  const names = cards.map((each) => [each.id, `${each.id} (${each.task})`]);
  const list = choice("Model", names, side.card.id, (id) => {
    const kept = side.isFile ? "" : side.made.value;
    side.card = cards.find((each) => each.id === id);
    fill(kept);
  });
  return [list, place];
}

/** What was asked, as the address has it: files are not in it. */
function addressed(two) {
  const [first, second] = sides;
  const text = (side) => (side.isFile ? undefined : side.made.value);
  const found = { model: first.card.id, text: text(first) };
  return two ? { ...found, other: second.card.id, beside: text(second) } : found;
}

let number = 0;

async function look(looked, address = null) {
  const mine = ++number;
  const two = !at("second").hidden;
  at("problem").textContent = "";
  at("status").textContent = "Looking …";
  at("ask").setAttribute("aria-busy", "true");
  try {
    const found = [];
    for (const side of two ? sides : sides.slice(0, 1)) {
      const input = await given(side.card.reads, side.made);
      found.push(await ask("v1/inspect", { model: side.card.id, input }));
    }
    if (mine !== number) return;
    await looked(found, addressed(two), address);
    at("status").textContent = "";
  } catch (error) {
    if (mine !== number) return;
    at("status").textContent = "";
    throw error;
  } finally {
    if (mine === number) at("ask").removeAttribute("aria-busy");
  }
}

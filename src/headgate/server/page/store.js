// What the page shows, and who is told when it changes.

const listeners = [];

export const state = {
  looks: [], // one inspection, or two beside each other
  place: 0, // of the one that is followed: walked through, held, and asked for its gradients
  held: null, // what a clamp made of it
  part: "network",
  layer: "1",
  name: "",
  step: 1,
  from: null, // the first visible step, and the last; all where null
  to: null,
};

/** Hear of changes: `call` is given the set of names that changed. */
export const hear = (call) => listeners.push(call);

/** Change what is shown. */
export function change(found) {
  const names = new Set(Object.keys(found).filter((name) => state[name] !== found[name]));
  Object.assign(state, found);
  if (names.has("place")) names.add("looks"); // another one is looked at
  if (names.size) for (const call of listeners) call(names);
}

/** The inspection that is followed. */
export const followed = () => state.looks[state.place];

/** What of `kept` an inspection has, too, and its first where it has not. */
export function fitted(look, kept) {
  const part = look.parts.find((each) => each.name === kept.part) ?? look.parts[0];
  const fit = (list, one) => (list.includes(one) ? one : list[0]);
  return {
    part: part.name,
    layer: fit(part.layers, kept.layer),
    name: fit(part.values.map((each) => each.name), kept.name),
    step: Math.min(Math.max(1, Number(kept.step) || 1), part.tokens.length),
  };
}

/** The part of an inspection that is shown: its own one of that name, or its first. */
export const partOf = (look) => look.parts.find((each) => each.name === state.part) ?? look.parts[0];

/** The layer and the gate or state of a part: those chosen, or its first. */
export function chosenOf(part) {
  const layer = part.layers.includes(state.layer) ? state.layer : part.layers[0];
  const value = part.values.find((each) => each.name === state.name) ?? part.values[0];
  return { layer, value };
}

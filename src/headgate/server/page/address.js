// The address of a view: who opens it sees the same.
import { state } from "./store.js";

const LONG = 6000; // characters that a server reads of an address; the rest is kept from it

/** Read the address. */
export function read() {
  const found = new URLSearchParams(location.search);
  for (const [name, value] of new URLSearchParams(location.hash.slice(1))) found.set(name, value);
  return Object.fromEntries(found);
}

/** Write the address of what is asked and chosen. */
export function write(asked, clamp) {
  const { place, part, layer, name, step, from, to } = state;
  const whole = { ...asked, place: place || null, part, layer, name, step, from, to, clamp };
  const found = new URLSearchParams();
  for (const [key, value] of Object.entries(whole)) {
    if (value !== undefined && value !== null && value !== "") found.set(key, value);
  }
  const text = found.toString();
  history.replaceState(null, "", text.length > LONG ? `#${text}` : `?${text}`);
}

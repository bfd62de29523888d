// The page: what is asked, what is seen of it, and its address.
import { tell } from "./api.js";
import { read, write } from "./address.js";
import * as asking from "./ask.js";
import * as attention from "./attention.js";
import * as clamp from "./clamp.js";
import { at } from "./dom.js";
import * as gates from "./gates.js";
import * as gradients from "./gradients.js";
import { plotly } from "./plots.js";
import { prediction } from "./prediction.js";
import { change, fitted, followed, hear, state } from "./store.js";
import * as strip from "./strip.js";
import * as units from "./units.js";

const address = read();
let asked = {};
let held = null;

/** Show what was seen; choices of an address count once, else those made last, if they fit. */
function looked(looks, question, from) {
  asked = question;
  held = null;
  const several = looks.length > 1;
  const same = several && looks[0].model === looks[1].model;
  looks.forEach((each, place) => {
    each.title = several ? (same ? ["first", "second"][place] : each.model) : each.model;
  });
  const place = several && from?.place === "1" ? 1 : 0;
  at("seen").hidden = false;
  at("answer").replaceChildren(...looks.map((each) => prediction(each, several)));
  change({
    looks,
    place,
    held: null,
    from: whole(from?.from),
    to: whole(from?.to),
    ...fitted(looks[place], { ...state, step: 1, ...from }),
  });
}

/** A number of an address, from 1; null for anything else. */
const whole = (text) => (/^[1-9]\d{0,8}$/.test(text ?? "") ? Number(text) : null);

for (const each of [strip, gates, units, attention, gradients]) each.begin();
clamp.begin(address, (text) => {
  held = text;
  write(asked, held);
});
hear((names) => {
  if (names.has("part") || names.has("place")) held = null;
  if (names.has("part")) change(fitted(followed(), state));
  write(asked, held);
});
plotly().catch(tell);
asking.begin(address, looked).catch(tell);

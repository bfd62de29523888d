// Elements made of texts alone: what a user or a model wrote is never read as HTML.

/** The element of an id. */
export const at = (id) => document.getElementById(id);

/** Make an element: properties that begin with "on" are listeners, others attributes. */
export function el(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, String(value));
  }
  made.append(...children.filter((each) => each != null).map((each) => (each instanceof Node ? each : String(each))));
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

/** A bar of shares between 0 and 1, one below the other. */
export function bar(shares) {
  const drawn = document.createElementNS(SVG, "svg");
  drawn.setAttribute("viewBox", "0 0 100 10");
  drawn.setAttribute("preserveAspectRatio", "none");
  drawn.setAttribute("aria-hidden", "true");
  const entries = Object.entries(shares);
  entries.forEach(([kind, share], place) => {
    const rect = document.createElementNS(SVG, "rect");
    const height = 10 / entries.length;
    const sides = { x: 0, y: place * height, width: 100 * Math.min(1, Math.max(0, share || 0)), height };
    for (const [name, value] of Object.entries(sides)) rect.setAttribute(name, value);
    rect.setAttribute("class", kind);
    drawn.append(rect);
  });
  return drawn;
}

/** A choice with a label; what is chosen is given to `chosen`. */
export function choice(label, options, value, chosen) {
  const list = el("select", { onchange: () => chosen(list.value) });
  for (const each of options) {
    const [id, name] = Array.isArray(each) ? each : [each, each];
    const option = el("option", { value: id }, name);
    option.selected = id === value;
    list.append(option);
  }
  return el("label", {}, `${label} `, list);
}

/** Write a token so that spaces and line ends are seen. */
export function visible(token) {
  const shown = [...token].map((each) => {
    const code = each.codePointAt(0);
    if (code === 0x7f) return "␡";
    if (code === 0x23f5) return "▶"; // the beginning, in a sign that more fonts have
    if (code < 0x20) return String.fromCodePoint(0x2400 + code);
    return /\p{Zs}/u.test(each) ? "␣" : each;
  });
  return shown.join("") || "∅";
}

/** Shorten a text, and keep plotly from reading tags in it. */
export function label(token, most = 12) {
  const shown = [...visible(token)];
  const cut = shown.length > most ? `${shown.slice(0, most - 1).join("")}…` : shown.join("");
  return cut.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** Write a number as a reader wants it. */
export function number(value, digits = 4) {
  if (value == null) return "not a number";
  if (value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e5)) return value.toExponential(2);
  return String(Number(value.toPrecision(digits)));
}

/** Call at last, when it was not asked again for some milliseconds. */
export function calm(call, wait) {
  let timer;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => call(...given), wait);
  };
}

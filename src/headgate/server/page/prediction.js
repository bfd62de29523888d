// What a model predicts, in words.
import { bar, el, number, visible } from "./dom.js";

const MOST = 8; // choices that are listed
const ROWS = 200; // tags or steps that are listed

/** Draw a prediction. */
export function prediction(look, several) {
  const head = several ? el("h3", {}, look.title) : null;
  return el("div", {}, head, ...drawn(look.prediction));
}

function drawn(said) {
  if (said === null || typeof said !== "object") return [el("p", { class: "said" }, String(said))];
  if (said.probabilities) return [el("p", { class: "said" }, said.label), chances(said.probabilities)];
  if (said.tags) return [tags(said)];
  if (typeof said.text === "string") return [text(said)];
  if (typeof said.value === "number") return [el("p", { class: "said" }, number(said.value, 6))];
  if (Array.isArray(said.mean)) return [forecast(said)];
  return [el("pre", { class: "long" }, JSON.stringify(said, null, 1))];
}

function text(said) {
  const long = said.text.length > 60 ? "said long" : "said";
  const sure = said.log_probability;
  const note = sure == null ? null : el("p", { class: "hint" }, `log-probability ${number(sure)}`);
  return el("div", {}, el("p", { class: long, tabindex: long === "said" ? null : 0 }, said.text || "∅"), note);
}

function chances(all) {
  const sorted = Object.entries(all).sort((a, b) => (b[1] ?? 0) - (a[1] ?? 0));
  const rows = sorted.slice(0, MOST).map(([name, share]) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, name),
      el("td", { class: "number" }, number(share)),
      el("td", { class: "bar" }, bar({ before: share })),
    ),
  );
  return el("table", { "aria-label": "Probabilities" }, el("tbody", {}, ...rows));
}

function tags(said) {
  const rows = said.tokens.slice(0, ROWS).map((token, place) =>
    el("tr", {}, el("th", { scope: "row" }, visible(token)), el("td", {}, said.tags[place])),
  );
  return el("div", { class: "scroll", tabindex: 0 }, el("table", { "aria-label": "Tags" }, el("tbody", {}, ...rows)));
}

function forecast(said) {
  const names = said.names ?? [];
  const head = el("tr", {}, el("th", {}, "step"), ...names.map((each) => el("th", { scope: "col", class: "number" }, each)));
  const rows = said.mean.slice(0, ROWS).map((row, place) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, said.steps?.[place] ?? place + 1),
      ...row.map((each) => el("td", { class: "number" }, number(each))),
    ),
  );
  const table = el("table", { "aria-label": "Forecast" }, el("thead", {}, head), el("tbody", {}, ...rows));
  return el("div", { class: "scroll", tabindex: 0 }, table);
}

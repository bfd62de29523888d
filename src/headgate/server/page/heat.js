// A heat map of units by steps, under a line of the mean over units; it asks for what is visible.
import { latest } from "./api.js";
import { el, label, number, visible } from "./dom.js";
import { HOW, colours, layout, lines, plotly } from "./plots.js";

const NAMED = 60; // steps up to which their tokens stand at the axis

/** One figure. `told` has: walk(step, unit), zoomed({steps, units}), read(text). */
export class Heat {
  constructor(told) {
    this.told = told;
    this.ask = latest();
    this.element = document.createElement("div");
    this.element.className = "figure heat";
    this.element.tabIndex = 0;
    this.element.setAttribute("role", "application");
    this.frame = el("div", { class: "frame", "aria-hidden": "true" });
    this.box = el("div", { class: "framed" }, this.element, this.frame);
    this.step = 1;
  }

  /** Ask for what is visible of a gate or state; null where it was asked anew meanwhile. */
  async fetch(spec, view) {
    const steps = within(view.steps, 1, spec.count);
    const units = within(view.units, 0, spec.units - 1);
    const wide = Math.max(100, Math.min(2000, Math.round(this.element.clientWidth - 56)));
    const { id, minus, part, layer, name } = spec;
    const asked = { id, minus, part, layer, name, steps, units, columns: wide };
    const found = await this.ask("v1/inspect/values", asked);
    if (found) Object.assign(this, { spec, window: found, view: { steps: view.steps ?? steps, units } });
    return found;
  }

  /** Draw what came; states have colours up to `most` on both sides of 0. */
  async draw(most) {
    const Plotly = await plotly();
    const { spec, window: found, view } = this;
    this.element.setAttribute("aria-label", this.said());
    const middles = found.steps.slice(0, -1).map((each, place) => (each + found.steps[place + 1] - 1) / 2);
    const colour = { ...colours(spec.gate, most), colorbar: { thickness: 10, outlinewidth: 0, len: 0.74, y: 0, yanchor: "bottom", x: 1.01, xpad: 2 } };
    const map = {
      type: "heatmap",
      ...even("x", found.steps),
      ...even("y", found.units),
      z: found.mean,
      hovertemplate: found.whole ? "step %{x}, unit %{y}<br><b>%{z:.4g}</b><extra></extra>" : "mean <b>%{z:.4g}</b><extra></extra>",
      ...colour,
    };
    const drawn = layout({
      height: 340,
      margin: { l: 46, r: 58, t: 8, b: 44 },
      xaxis: { range: [view.steps[0] - 0.5, view.steps[1] + 0.5], title: { text: "step" }, anchor: "y", showgrid: false, ...this.ticks() },
      yaxis: { range: [view.units[0] - 0.5, view.units[1] + 0.5], domain: [0, 0.74], title: { text: "unit" }, showgrid: false, zeroline: false },
      yaxis2: { domain: [0.79, 1], fixedrange: true, nticks: 3, title: { text: "mean" }, range: spec.gate ? [0, 1] : [-most, most] },
      hovermode: "closest",
    });
    await Plotly.react(this.element, [...this.lines(middles), map], drawn, HOW);
    if (!this.listening) this.listen();
    this.mark(this.step);
  }

  lines(x) {
    const { low, high, mean } = this.window.line;
    const colour = lines()[0];
    const band = { x, yaxis: "y2", mode: "lines", line: { width: 0 }, hoverinfo: "skip", type: "scatter" };
    return [
      { ...band, y: low },
      { ...band, y: high, fill: "tonexty", fillcolor: `${colour}33` },
      { ...band, y: mean, line: { color: colour, width: 1.5 }, mode: x.length < 80 ? "lines+markers" : "lines", marker: { size: 4, color: colour }, hoverinfo: undefined, hovertemplate: "mean of all units %{y:.4g}<extra></extra>" },
    ];
  }

  ticks() {
    const [first, last] = within(this.view.steps, 1, this.spec.count);
    if (last - first >= Math.min(NAMED, this.element.clientWidth / 13)) return { tickmode: "auto", ticktext: null, tickvals: null };
    const tickvals = Array.from({ length: last - first + 1 }, (_, place) => first + place);
    const ticktext = tickvals.map((step) => label(this.spec.tokens[step - 1], 9));
    return { tickmode: "array", tickvals, ticktext, title: { text: "" } };
  }

  /** Mark a step, by a frame over the figure: plotly would draw all of it again. */
  mark(step) {
    this.step = step;
    const drawn = this.element._fullLayout;
    if (!drawn || !this.listening) return;
    const { l, t, w, h } = drawn._size;
    const [first, last] = drawn.xaxis.range;
    const [low, high] = [step - 0.5, step + 0.5].map((x) => (Math.min(Math.max(x, first), last) - first) / (last - first));
    this.frame.hidden = step < first || step > last;
    Object.assign(this.frame.style, { left: `${l + low * w}px`, width: `${Math.max(2, (high - low) * w)}px`, top: `${t}px`, height: `${h}px` });
  }

  listen() {
    this.listening = true;
    this.element.on("plotly_hover", ({ points: [point] }) => {
      if (point.data.type === "heatmap") this.told.read(this.read(...point.pointNumber));
      else this.told.read(`${this.steps(point.pointNumber)}: mean of all units ${number(point.y)}`);
    });
    this.element.on("plotly_click", ({ points: [point] }) => this.told.walk(Math.round(point.x)));
    this.element.on("plotly_relayout", (changed) => {
      this.mark(this.step);
      if (!Object.keys(changed).some((key) => /axis\d?\.(range|autorange)/.test(key))) return;
      const { xaxis, yaxis } = this.element.layout;
      const all = Object.keys(changed).some((key) => key.endsWith("autorange"));
      this.told.zoomed(all ? {} : { steps: whole(xaxis.range), units: whole(yaxis.range) });
    });
  }

  /** Say what a cell has. */
  read(row, column) {
    const { window: found } = this;
    const [first, next] = found.units.slice(row, row + 2);
    const units = next - first > 1 ? `units ${first} to ${next - 1}` : `unit ${first}`;
    const mean = number(found.mean[row][column]);
    const range = found.low ? ` (mean; from ${number(found.low[row][column])} to ${number(found.high[row][column])})` : "";
    return `${this.spec.title}, ${this.steps(column)}, ${units}: ${mean}${range}`;
  }

  steps(column) {
    const [first, next] = this.window.steps.slice(column, column + 2);
    if (next - first > 1) return `steps ${first} to ${next - 1}`;
    return `step ${first} “${visible(this.spec.tokens[first - 1] ?? "")}”`;
  }

  /** Read the value of a unit at a step, from what is there or from the server. */
  async value(step, unit) {
    const found = this.window;
    const [row, column] = [found.units.indexOf(unit), found.steps.indexOf(step)];
    if (found.whole && found.mean[row]?.[column] !== undefined) return this.read(row, column);
    const { id, minus, part, layer, name, title } = this.spec;
    const got = await this.ask("v1/inspect/values", { id, minus, part, layer, name, steps: [step, step], units: [unit, unit] });
    return got && `${title}, step ${step} “${visible(this.spec.tokens[step - 1])}”, unit ${unit}: ${number(got.mean[0][0])}`;
  }

  said() {
    const { title, units, count } = this.spec;
    return `Heat map of ${title}: ${units} units by ${count} steps. Left and right walk over steps, up and down over units.`;
  }

  /** Forget the figure. */
  close() {
    if (this.listening) window.Plotly.purge(this.element);
  }
}

/** Cells of one size, which plotly draws ten times as fast; bins differ by one step, which is less than a pixel. */
function even(axis, edges) {
  const size = (edges[edges.length - 1] - edges[0]) / (edges.length - 1);
  return { [`${axis}0`]: edges[0] - 0.5 + size / 2, [`d${axis}`]: size };
}

const whole = ([first, last]) => [Math.ceil(first), Math.floor(last)].sort((a, b) => a - b);

/** A range within bounds; all where there is none. */
export function within(range, low, high) {
  if (!range) return [low, high];
  const first = Math.min(Math.max(low, range[0]), high);
  return [first, Math.min(Math.max(first, range[1]), high)];
}

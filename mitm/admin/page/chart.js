// Small charts of stacked bars. What they show is told in words too, in their label and in
// a table beside them.

import { el, svg } from "./dom.js";
import { count, shortTime, sum } from "./format.js";

const height = 132, floor = 18, left = 0, gap = 1;

// bars draws numbers over time. Layers are {name, class, values}, the first at the bottom;
// from and seconds say when the first value was and how long each took; unit is of what.
export function bars(place, { layers, from, seconds, unit, label, empty }) {
  const length = layers[0]?.values.length ?? 0;
  const sums = Array.from({ length }, (_, i) => sum(layers.map((layer) => layer.values[i])));
  const most = Math.max(0, ...sums);
  if (most === 0) {
    place.replaceChildren(el("p", { class: "empty" }, empty));
    return;
  }
  const width = place.clientWidth || 600;
  const step = (width - left) / length;
  const rise = (n) => (n / most) * (height - floor - 14);
  const drawing = svg("svg", { width, height, role: "img", "aria-label": label });
  drawing.append(svg("line", { x1: 0, x2: width, y1: height - floor + 0.5, y2: height - floor + 0.5, class: "axis" }));
  for (let i = 0; i < length; i++) {
    if (sums[i] > 0) drawing.append(bar(layers, i, left + i * step, step, rise, from + i * seconds * 1000, seconds, unit));
  }
  drawing.append(svg("text", { x: 0, y: 10, class: "top" }, count(most) + " " + unit));
  drawing.append(...hours(from, seconds * length, width));
  place.replaceChildren(drawing);
}

function bar(layers, i, x, step, rise, from, seconds, unit) {
  const group = svg("g");
  let top = height - floor;
  const said = [];
  for (const layer of layers) {
    const tall = rise(layer.values[i]);
    if (tall === 0) continue;
    top -= tall;
    said.push(count(layer.values[i]) + " " + layer.name);
    group.append(svg("rect", { x, y: top, width: Math.max(1, step - gap), height: tall, class: layer.class }));
  }
  const when = shortTime(from) + "–" + shortTime(from + seconds * 1000);
  group.append(svg("title", {}, when + ": " + said.join(", ") + (layers.length === 1 ? "" : " " + unit.split(" ")[0])));
  return group;
}

// hours are the times below a chart: as many as there is room for.
function hours(from, seconds, width) {
  const marks = Math.max(2, Math.floor(width / 130));
  return Array.from({ length: marks + 1 }, (_, i) => svg("text", {
    x: (i / marks) * width, y: height - 4, class: "when",
    "text-anchor": i === 0 ? "start" : i === marks ? "end" : "middle",
  }, i === marks ? "now" : shortTime(from + (i / marks) * seconds * 1000)));
}

// gather adds neighbours up, n at a time.
export function gather(values, n) {
  return Array.from({ length: Math.ceil(values.length / n) }, (_, i) => sum(values.slice(i * n, (i + 1) * n)));
}

// spark is a line without axes: how a number went. null is where it is not known.
export function spark(values, most, label) {
  const width = 72, tall = 18;
  const known = values.map((v, i) => [i, v]).filter(([, v]) => v !== null);
  const drawing = svg("svg", { width, height: tall, role: "img", "aria-label": label, class: "spark" });
  if (known.length > 1) {
    const x = (i) => (i / (values.length - 1)) * (width - 2) + 1;
    const y = (v) => tall - 2 - (v / Math.max(1, most)) * (tall - 4);
    drawing.append(svg("polyline", { points: known.map(([i, v]) => x(i).toFixed(1) + "," + y(v).toFixed(1)).join(" ") }));
  }
  return drawing;
}

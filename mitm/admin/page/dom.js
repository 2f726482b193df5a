// Making and changing elements. Text only ever becomes text: nothing that octopool tells
// is read as HTML.

import { span } from "./format.js";

export const byId = (id) => document.getElementById(id);

// el makes an element: attributes, and then children, which are elements or texts.
export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

const svgNames = "http://www.w3.org/2000/svg";

export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(svgNames, tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}

// setText changes a text only if it is another, so that nothing is read out again.
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// link is a cell or a word that leads somewhere on this page.
export const link = (href, text) => el("a", { href }, text);

let ahead = 0; // how many milliseconds octopool's clock is ahead of this one

export function setClock(now) {
  ahead = Date.parse(now) - Date.now();
}

export const now = () => Date.now() + ahead;

// until counts down to a moment. tick keeps it true.
export function until(moment) {
  const node = el("time", { datetime: moment, class: "until" });
  showUntil(node);
  return node;
}

function showUntil(node) {
  setText(node, span((Date.parse(node.dateTime) - now()) / 1000));
}

export function tick() {
  document.querySelectorAll("time.until").forEach(showUntil);
}

// meter is a bar that says how much is left of something.
export function meter({ label, left, limit, level, text }) {
  const part = limit ? Math.min(1, Math.max(0, left / limit)) : 0;
  const bar = el("span", { class: "fill " + level });
  bar.style.width = 100 * part + "%";
  return el("span", {
    role: "meter", class: "bar", "aria-label": label, "aria-valuemin": 0, "aria-valuemax": limit,
    "aria-valuenow": Math.min(left, limit), "aria-valuetext": text,
  }, bar);
}

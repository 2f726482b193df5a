// Tables that sort, and that can be changed while somebody reads them: rows and cells stay
// where they are unless they differ, so focus and selection do too.

import { el, setText } from "./dom.js";
import { count } from "./format.js";

// table makes one in a place. A column has a label, by (what a row is sorted by) and show
// (what is in its cell: a text, or {key, make} for elements that are made anew when the
// key is another). key tells rows apart; empty is said when there are none.
export function table(place, { caption, columns, key, empty, sort, limit = Infinity, things = "rows" }) {
  const order = { column: columns[sort.column], descending: sort.descending };
  let rows = [], all = false;

  const heads = columns.map((column) => head(column, () => {
    order.descending = order.column === column ? !order.descending : column.numeric === true;
    order.column = column;
    render();
  }));
  const body = el("tbody");
  const grid = el("table", {}, el("caption", { class: "unseen" }, caption), el("thead", {}, el("tr", {}, ...heads)), body);
  const scroll = el("div", { class: "scroll", role: "region", "aria-label": caption, tabindex: "0" }, grid);
  const none = el("p", { class: "empty" }, empty);
  const more = el("button", { type: "button", class: "plain", "aria-expanded": "false" });
  more.addEventListener("click", () => { all = !all; render(); });
  place.replaceChildren(scroll, none, more);

  function render() {
    columns.forEach((column, i) => heads[i].setAttribute("aria-sort", column !== order.column ? "none" : order.descending ? "descending" : "ascending"));
    const sorted = rows.toSorted((a, b) => compare(order.column.by(a), order.column.by(b)) * (order.descending ? -1 : 1) || compare(key(a), key(b)));
    fillBody(body, all ? sorted : sorted.slice(0, limit), columns, key);
    none.hidden = rows.length > 0;
    scroll.hidden = rows.length === 0;
    more.hidden = rows.length <= limit;
    more.setAttribute("aria-expanded", String(all));
    setText(more, all ? "Show " + count(limit) + " only" : "Show all " + count(rows.length) + " " + things);
  }
  render();
  return (newRows) => { rows = newRows; render(); };
}

function head(column, onSort) {
  const button = el("button", { type: "button" }, column.label);
  button.addEventListener("click", onSort);
  return el("th", { scope: "col", class: classOf(column), title: column.title }, button);
}

const classOf = (column) => [column.numeric ? "number" : "", column.class ?? ""].join(" ").trim() || undefined;

function compare(a, b) {
  return typeof a === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
}

function fillBody(body, rows, columns, key) {
  const old = new Map([...body.rows].map((tr) => [tr.dataset.key, tr]));
  rows.forEach((row, i) => {
    const name = String(key(row));
    const tr = old.get(name) ?? newRow(name, columns);
    old.delete(name);
    columns.forEach((column, j) => fillCell(tr.cells[j], column.show(row)));
    if (body.rows[i] !== tr) place(body, tr, body.rows[i] ?? null);
  });
  old.forEach((tr) => tr.remove());
}

// place puts a row before another. Moved, it keeps the focus where the browser can do that.
function place(body, tr, before) {
  if (tr.isConnected && body.moveBefore) body.moveBefore(tr, before);
  else body.insertBefore(tr, before);
}

function newRow(name, columns) {
  const tr = el("tr", {}, ...columns.map((column, i) => (i === 0 ? el("th", { scope: "row", class: classOf(column) }) : el("td", { class: classOf(column) }))));
  tr.dataset.key = name;
  return tr;
}

function fillCell(cell, content) {
  if (typeof content === "string") {
    setText(cell, content);
  } else if (cell.dataset.key !== content.key) {
    cell.dataset.key = content.key;
    cell.replaceChildren(...[content.make()].flat());
  }
}

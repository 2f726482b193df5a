// The tables of the page: what is in their columns.

import { el, link, meter, now, until } from "./dom.js";
import { again } from "./attention.js";
import { spark } from "./chart.js";
import { clientLink, clientName, count, dateTime, rate, share, shortTime, span, sum, time } from "./format.js";
import { outcomes } from "./model.js";
import { table } from "./table.js";

// number is a column of one.
const number = (label, by, title) => ({ label, by, title, numeric: true, show: (row) => count(by(row)) });

const tallies = (hasHour) => [
  ...(hasHour ? [number("Points 1 h", (r) => r.hour.points_spent, "Points spent in the last hour")] : []),
  number("Points 24 h", (r) => r.day.points_spent, "Points spent in the last 24 hours"),
  number("Saved 24 h", (r) => r.day.points_saved, "Points saved in the last 24 hours: what octopool without a store would have spent besides"),
  number("Requests 24 h", (r) => r.day.requests),
  number("Refused 24 h", (r) => r.day.refused),
];

export const budgetTable = (place) => table(place, {
  caption: "Budgets of principals, what is about to run out first", key: (b) => b.credential + " " + b.resource, sort: { column: 4, descending: false },
  empty: "GitHub has told of no budget yet. It does with the first answer.", limit: 12, things: "budgets",
  columns: [
    { label: "Principal", by: (b) => b.who + " " + b.resource, class: "name", show: (b) => ({ key: b.who + b.resource, make: () => [b.who, " ", el("span", { class: "tag" }, b.resource)] }), title: "Whose budget it is, and for what" },
    { label: "Left", by: (b) => b.remaining / (b.limit || 1), class: "wide", show: (b) => ({ key: [b.remaining, b.limit, b.level].join(), make: () => leftBar(b, b.resource + " of " + b.who) }) },
    { label: "Whole again in", by: (b) => Date.parse(b.reset), numeric: true, show: (b) => ({ key: b.reset, make: () => until(b.reset) }) },
    { label: "Pace", by: (b) => b.perMinute, numeric: true, title: "Points a minute, over the last ten minutes, whoever spends them", show: (b) => (b.went.filter((n) => n !== null).length > 1 ? rate(b.perMinute) + " /min" : "–") },
    { label: "Outlook", by: (b) => b.urgency, title: "Whether it lasts until its reset at this pace; what runs out first comes first", show: prospect },
    { label: "Last hour", by: (b) => b.remaining, class: "spark-cell", show: (b) => ({ key: b.went.join(), make: () => spark(b.went, b.limit, "What was left of it over the last hour") }) },
  ],
});

function prospect(b) {
  const text = b.level === "spent" ? "spent" : b.lasts < Infinity ? "empty in " + span(b.lasts * 60) : b.level === "low" ? "low" : "lasts";
  return { key: text, make: () => (b.level === "ok" ? text : el("span", { class: "state " + b.level }, text)) };
}

// leftBar is what is left of a budget or an allowance.
export function leftBar(b, label) {
  const text = count(b.remaining) + " of " + count(b.limit);
  return el("span", { class: "left" }, meter({ label, left: b.remaining, limit: b.limit, level: b.level, text: text + " left" }), el("span", { class: "amount" }, text));
}

export const levelOf = (b) => (b.remaining === 0 ? "spent" : b.remaining <= b.limit / 10 ? "low" : "ok");

export const outcomeTable = (place) => table(place, {
  caption: "How requests of the last hour were answered", key: (o) => o.name, sort: { column: 1, descending: true },
  empty: "No requests in the last hour.", columns: outcomeColumns,
});

export const clientOutcomeTable = (place) => table(place, {
  caption: "How its requests were answered, since octopool started", key: (o) => o.name, sort: { column: 1, descending: true },
  empty: "It has asked nothing.", columns: outcomeColumns,
});

const outcomeColumns = [
  { label: "Outcome", by: (o) => o.name, show: (o) => ({ key: o.name, make: () => [el("span", { class: "swatch o-" + o.name }), o.name, " ", el("span", { class: "quiet" }, o.says)] }) },
  number("Requests", (o) => o.requests),
  { label: "Share", by: (o) => o.requests, numeric: true, show: (o) => share(o.requests, o.of) },
];

// outcomeRows are counts by outcome, as the table wants them.
export function outcomeRows(counts) {
  const of = sum(Object.values(counts));
  const known = outcomes.filter((o) => counts[o.name]).map((o) => ({ ...o, requests: counts[o.name], of }));
  const others = Object.keys(counts).filter((name) => counts[name] && !outcomes.some((o) => o.name === name));
  return [...known, ...others.map((name) => ({ name, says: "", requests: counts[name], of }))];
}

export const pointsTable = (place) => table(place, {
  caption: "Points spent and saved, now and today", key: (r) => r.name, sort: { column: 0, descending: true }, empty: "",
  columns: [
    { label: "Points", by: (r) => r.name, show: (r) => ({ key: r.name, make: () => [el("span", { class: "swatch p-" + r.name }), r.name] }) },
    { label: "Now", by: (r) => r.now, numeric: true, title: "A minute, over the last ten minutes", show: (r) => rate(r.now) + " /min" },
    number("Last hour", (r) => r.hour),
    number("Today", (r) => r.today, "Since midnight where you are, or since octopool started"),
    number("24 h", (r) => r.day),
  ],
});

export const clientTable = (place) => table(place, {
  caption: "Clients, those that spent most in the last hour first", key: (c) => c.name, sort: { column: 1, descending: true },
  empty: "No client has asked for anything yet.", limit: 10, things: "clients",
  columns: [
    { label: "Client", by: (c) => clientName(c.name), show: (c) => ({ key: c.name, make: () => link(clientLink(c.name), clientName(c.name)) }) },
    ...tallies(true),
    { label: "Allowance left", by: (c) => (c.allowance ? c.allowance.remaining / c.allowance.limit : 2), class: "wide", show: allowance },
  ],
});

function allowance(c) {
  if (!c.allowance) return { key: "none", make: () => el("span", { class: "quiet" }, "no limit") };
  const a = { ...c.allowance, level: levelOf(c.allowance) };
  return { key: [a.remaining, a.limit].join(), make: () => leftBar(a, "Allowance of " + c.name) };
}

export const routeTable = (place, caption, hasRefusals) => table(place, {
  caption, key: (r) => r.name, sort: { column: 2, descending: true }, empty: "Nothing was asked for in the last 24 hours.", limit: 10, things: "routes",
  columns: [
    { label: "Route", by: (r) => r.name, class: "path", show: (r) => r.name },
    ...tallies(true).slice(0, hasRefusals ? 5 : 4),
  ],
});

export const credentialTable = (place) => table(place, {
  caption: "Credentials, those that are down first", key: (c) => c.github + " " + c.name, sort: { column: 1, descending: false },
  empty: "There are none: clients' requests are passed through or refused.", limit: 12, things: "credentials",
  columns: [
    { label: "Credential", by: (c) => c.name, show: (c) => c.name },
    { label: "State", by: (c) => (c.up ? "up" : "down"), class: "text", show: state },
    { label: "Pool", by: (c) => c.pool, show: (c) => c.pool },
    { label: "Principal", by: (c) => c.principal, show: (c) => c.principal || "not known yet" },
    number("In flight", (c) => c.in_flight, "Requests of its principal that GitHub has not answered"),
  ],
});

function state(c) {
  if (c.up) return { key: "up", make: () => [el("span", { class: "state up" }, "up")] };
  const waits = c.retry && Date.parse(c.retry) > now();
  return { key: [c.reason, c.retry, waits].join(), make: () => [el("span", { class: "state down" }, "down"), " ", c.reason, ...again(c)] };
}

export const troubleTable = (place, ofOne) => table(place, {
  caption: "Recent refusals and errors", key: (t) => [t.client, t.method, t.host, t.path, t.status, t.reason].join(" "), sort: { column: 0, descending: true },
  empty: "None since octopool started.", limit: 10, things: "refusals and errors",
  columns: [
    { label: "Last", by: (t) => Date.parse(t.last), numeric: true, class: "time", show: (t) => ({ key: t.last, make: () => el("time", { datetime: t.last, title: "first " + dateTime(t.first) + ", last " + dateTime(t.last) }, when(t.last)) }) },
    ...(ofOne ? [] : [{ label: "Client", by: (t) => clientName(t.client), show: (t) => ({ key: t.client, make: () => link(clientLink(t.client), clientName(t.client)) }) }]),
    { label: "Why", by: (t) => t.reason, class: "text", show: (t) => ({ key: t.reason + t.message, make: () => [el("span", { class: "tag" }, t.reason), " ", t.message] }) },
    { label: "Request", by: (t) => t.path, class: "path", show: (t) => t.method + " " + t.host + t.path },
    { label: "Status", by: (t) => t.status, numeric: true, show: (t) => String(t.status || "–") },
    number("Times", (t) => t.times),
  ],
});

// when is a time of today, or how long ago an earlier one was.
const when = (moment) => (now() - Date.parse(moment) < 12 * 3600e3 ? time(moment) : span((now() - Date.parse(moment)) / 1000) + " ago, " + shortTime(moment));

export const reasonTable = (place) => table(place, {
  caption: "Why its requests were refused, since octopool started", key: (r) => r.reason, sort: { column: 1, descending: true }, empty: "It was refused nothing.",
  columns: [
    { label: "Reason", by: (r) => r.reason, show: (r) => r.reason },
    number("Requests", (r) => r.times),
  ],
});

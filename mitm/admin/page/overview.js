// The first page: everything at a glance.

import { byId, el, setText } from "./dom.js";
import { needs, showNeeds } from "./attention.js";
import { bars, gather } from "./chart.js";
import { bytes, count, plural, rate, share, shortTime, sum } from "./format.js";
import { budgets, clients, credentials, hitShare, isYoung, lastHour, meanRate, outcomes, today } from "./model.js";
import { budgetTable, clientTable, credentialTable, outcomeRows, outcomeTable, pointsTable, routeTable, troubleTable } from "./tables.js";

export function makeOverview() {
  const show = {
    budgets: budgetTable(byId("budgets")), outcomes: outcomeTable(byId("outcomes")), points: pointsTable(byId("points")), clients: clientTable(byId("clients")),
    routes: routeTable(byId("routes"), "Routes, those that cost most in the last 24 hours first", true),
    credentials: credentialTable(byId("credentials")), troubles: troubleTable(byId("troubles"), false),
  };
  return {
    // status is shown whenever there is a new one.
    status({ status, history, cache, perSecond }) {
      show.budgets(budgets(status, history));
      show.credentials(credentials(status));
      show.clients(clients(status, history));
      tiles(byId("tiles"), overviewTiles(status, history, cache, perSecond));
      store(status, cache);
      return showNeeds(needs(status, history));
    },
    // history is shown whenever it was fetched.
    history({ history }) {
      show.outcomes(outcomeRows(lastHour(history)));
      show.routes(history.routes);
      show.troubles(history.troubles);
      hourChart(history);
      pointsChart(byId("day"), history);
      show.points([pointsRow(history, "spent"), pointsRow(history, "saved")]);
    },
  };
}

function overviewTiles(status, history, cache, perSecond) {
  const hour = lastHour(history), hits = hitShare(hour);
  const since = isYoung(history) ? "since start, " + shortTime(history.started) : "since midnight";
  return [
    { name: "Requests", value: rate(perSecond ?? meanRate(history)) + " /s", note: count(sum(Object.values(hour))) + " in the last hour" },
    { name: "Hit share", value: share(hits.free, hits.of), note: "had without fetching, last hour" },
    { name: "Points spent", value: count(sum(history.hour.points_spent)), note: "last hour; " + count(today(history, "points_spent")) + " " + since },
    { name: "Points saved", value: count(sum(history.hour.points_saved)), note: "last hour; " + count(today(history, "points_saved")) + " " + since },
    { name: "Refused", value: count(sum(history.clients.map((c) => c.hour.refused))), note: "last hour; " + count(today(history, "refused")) + " " + since },
    { name: "Store", value: bytes(status.store.bytes), note: plural(status.store.entries, "answer", "answers") + (cache ? " in " + cache.backend : "") },
  ];
}

// tiles shows figures with names: they change in place.
export function tiles(place, all) {
  if (place.children.length !== all.length) {
    place.replaceChildren(...all.map(() => el("div", {}, el("dt"), el("dd", { class: "value" }), el("dd", { class: "note" }))));
  }
  all.forEach((tile, i) => {
    const [name, value, note] = place.children[i].children;
    setText(name, tile.name);
    setText(value, tile.value);
    setText(note, tile.note);
  });
}

const minutesOfBars = 1;

function hourChart(history) {
  const n = (minutesOfBars * 60) / history.hour.seconds;
  const layers = outcomes.filter((o) => history.hour.outcomes[o.name])
    .map((o) => ({ name: o.name, class: "o-" + o.name, values: gather(history.hour.outcomes[o.name], n) }));
  bars(byId("hour"), {
    layers, from: Date.parse(history.hour.from), seconds: minutesOfBars * 60, unit: "requests a minute",
    label: "Requests a minute over the last hour by outcome; the table that follows has the sums", empty: "No requests in the last hour.",
  });
}

// pointsChart is a day of points, a quarter of an hour a bar.
export function pointsChart(place, history) {
  const n = (15 * 60) / history.day.seconds;
  bars(place, {
    layers: [
      { name: "spent", class: "p-spent", values: gather(history.day.points_spent, n) },
      { name: "saved", class: "p-saved", values: gather(history.day.points_saved, n) },
    ],
    from: Date.parse(history.day.from), seconds: 15 * 60, unit: "points in 15 minutes", label: pointsInWords(history), empty: "No points were spent or saved in the last 24 hours.",
  });
}

function pointsRow(history, name) {
  const key = "points_" + name, ten = 600 / history.hour.seconds;
  const minutes = Math.min(10, Math.max(1, (Date.parse(history.now) - Date.parse(history.started)) / 60000));
  return { name, now: sum(history.hour[key].slice(-ten)) / minutes, hour: sum(history.hour[key]), today: today(history, key), day: sum(history.day[key]) };
}

function pointsInWords(history) {
  const spent = sum(history.day.points_spent), saved = sum(history.day.points_saved);
  return count(spent) + " points spent and " + count(saved) + " saved in 24 hours: without octopool " + count(spent + saved) + ".";
}

function store(status, cache) {
  const s = status.store;
  const facts = [
    ["Kept", plural(s.entries, "answer", "answers") + " in " + bytes(s.bytes)],
    ["Backend", cache?.backend ?? "–"],
    ["Hit share since start", cache?.hit_share == null ? "–" : share(cache.hit_share, 1)],
    ["Evictions", count(s.evictions)],
    ["Errors", count(s.errors)],
    ["ETags as computed", share(status.formula.match, status.formula.match + status.formula.mismatch)],
    ["Tunnels", plural(status.tunnels.active, "open", "open") + ", " + bytes(status.tunnels.sent_bytes) + " sent, " + bytes(status.tunnels.received_bytes) + " received"],
  ];
  const place = byId("store");
  if (!place.children.length) place.replaceChildren(...facts.map(([name]) => el("div", {}, el("dt", {}, name), el("dd"))));
  facts.forEach(([, value], i) => setText(place.children[i].lastChild, value));
}

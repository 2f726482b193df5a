// The page of one client: what it asks for, what that costs, what it was refused.

import { byId, setText } from "./dom.js";
import { clientName, count, span, sum, total } from "./format.js";
import { now } from "./dom.js";
import { tiles, pointsChart } from "./overview.js";
import { clientOutcomeTable, outcomeRows, reasonTable, routeTable, troubleTable } from "./tables.js";

export function makeClientPage() {
  const show = {
    routes: routeTable(byId("client-routes"), "Routes it asks for, those that cost most in the last 24 hours first", true),
    outcomes: clientOutcomeTable(byId("client-outcomes")), refused: reasonTable(byId("client-refused")), troubles: troubleTable(byId("client-troubles"), true),
  };
  return {
    status(name, { status, mine }) {
      const client = status.clients.find((c) => c.name === name);
      const note = byId("client-note");
      setText(byId("client-name"), clientName(name));
      setText(note, client ? "Requests whose token no client is registered with, and octopool's own questions." : "No client of this name has asked for anything since octopool started.");
      note.hidden = Boolean(client) && name !== "-";
      tiles(byId("client-tiles"), clientTiles(client, mine));
      show.outcomes(outcomeRows(client?.requests ?? {}));
      show.refused(Object.entries(client?.refused ?? {}).map(([reason, times]) => ({ reason, times })));
    },
    history({ mine }) {
      show.routes(mine.routes);
      show.troubles(mine.troubles);
      pointsChart(byId("client-day"), mine);
    },
  };
}

function clientTiles(client, mine) {
  const none = { points_spent: 0, points_saved: 0, requests: 0, refused: 0 };
  const { hour, day } = mine?.clients[0] ?? { hour: none, day: none };
  return [
    { name: "Points spent", value: count(hour.points_spent), note: "last hour; " + count(day.points_spent) + " in 24 h, " + count(total(client?.points_spent ?? {})) + " since start" },
    { name: "Points saved", value: count(hour.points_saved), note: "last hour; " + count(day.points_saved) + " in 24 h, " + count(total(client?.points_saved ?? {})) + " since start" },
    { name: "Requests", value: count(hour.requests), note: "last hour; " + count(day.requests) + " in 24 h, " + count(total(client?.requests ?? {})) + " since start" },
    { name: "Refused", value: count(hour.refused), note: "last hour; " + count(day.refused) + " in 24 h, " + count(sum(Object.values(client?.refused ?? {}))) + " since start" },
    allowanceTile(client?.allowance),
    { name: "Now", value: count(client?.in_flight ?? 0), note: "on their way to GitHub, " + count(client?.waiting ?? 0) + " waiting" },
  ];
}

function allowanceTile(allowance) {
  if (!allowance) return { name: "Allowance", value: "none", note: "octopool does not limit it" };
  return {
    name: "Allowance left", value: count(allowance.remaining),
    note: "of " + count(allowance.limit) + " points an hour; more in " + span((Date.parse(allowance.reset) - now()) / 1000),
  };
}

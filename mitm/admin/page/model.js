// What the page makes of octopool's answers: figures, and no elements.

import { now } from "./dom.js";
import { sum, total } from "./format.js";

// Outcomes, in the order they are drawn. What is free costs no point; what could not be
// kept says nothing about how well keeping works.
export const outcomes = [
  { name: "hit", free: true, says: "served without asking" },
  { name: "coalesced", free: true, says: "shared another's answer" },
  { name: "revalidated", free: true, says: "GitHub said: unchanged" },
  { name: "stale", free: true, says: "GitHub gave none" },
  { name: "fetched", says: "fetched anew" },
  { name: "forwarded", says: "writes, git and the like" },
  { name: "refused", says: "by octopool" },
];

// hitShare is how many answers of those that may be kept cost no fetch.
export function hitShare(requests) {
  const free = sum(outcomes.filter((o) => o.free).map((o) => requests[o.name] ?? 0));
  return { free, of: free + (requests.fetched ?? 0) };
}

export const credentials = (status) => status.pools.flatMap((pool) => pool.credentials.map((c) => ({ ...c, pool: pool.name, github: pool.github })));

// budgets are all there are, each with how fast it is spent and whether it will last.
export function budgets(status, history) {
  const several = status.pools.some((pool) => pool.github !== status.pools[0].github);
  return credentials(status).flatMap((c) => Object.entries(c.budgets).map(([resource, budget]) => {
    const burn = history?.budgets.find((b) => b.credential === c.name && b.resource === resource);
    const who = (c.principal || c.name) + (several ? " at " + c.github : "");
    return { ...budget, credential: c.name, who, resource, perMinute: burn?.per_minute ?? 0, went: burn?.remaining ?? [], ...forecast(budget, burn) };
  }));
}

// forecast says how a budget stands: spent, going to be before its reset at this pace, low
// or ok; urgency is for sorting, the most urgent first.
function forecast(budget, burn) {
  const minutes = Math.max(0, (Date.parse(budget.reset) - now()) / 60000);
  const pace = burn?.per_minute ?? 0;
  const lasts = pace > 0 ? budget.remaining / pace : Infinity;
  const part = budget.limit ? budget.remaining / budget.limit : 1;
  if (minutes === 0) return { level: "ok", lasts: Infinity, urgency: 5 };
  if (budget.remaining === 0) return { level: "spent", lasts: 0, urgency: 0 + minutes / 1e6 };
  if (lasts < minutes) return { level: "low", lasts, urgency: 1 + lasts / 1e6 };
  if (part <= 0.1) return { level: "low", lasts: Infinity, urgency: 2 + part };
  return { level: "ok", lasts: Infinity, urgency: 4 + part };
}

// clients are those that came to anything, or have an allowance: what was counted, and how
// they stand.
export function clients(status, history) {
  const none = { requests: 0, points_spent: 0, points_saved: 0, refused: 0 };
  return status.clients.map((c) => {
    const known = history?.clients.find((h) => h.name === c.name);
    return { ...c, hour: known?.hour ?? none, day: known?.day ?? none };
  });
}

// midnight is when the day of whoever looks began.
function midnight() {
  const day = new Date(now());
  day.setHours(0, 0, 0, 0);
  return day.getTime();
}

// today adds up a day's numbers since midnight.
export function today(history, what) {
  const from = Date.parse(history.day.from), begins = midnight();
  return sum(history.day[what].filter((_, i) => from + i * history.day.seconds * 1000 >= begins));
}

// isYoung is whether octopool has started since midnight, so that its today is not all of it.
export const isYoung = (history) => Date.parse(history.started) > midnight();

export const requestsOf = (status) => sum(status.clients.map((c) => total(c.requests)));
export const lastHour = (history) => Object.fromEntries(Object.entries(history.hour.outcomes).map(([name, values]) => [name, sum(values)]));

// meanRate is requests per second over the last whole minute of a history.
export function meanRate(history) {
  const steps = 60 / history.hour.seconds;
  return sum(Object.values(history.hour.outcomes).map((values) => sum(values.slice(-steps - 1, -1)))) / 60;
}

// What needs somebody now: what has run out or is about to, what is broken, who is refused.

import { byId, el, link, now, until } from "./dom.js";
import { clientLink, clientName, count, dateTime, plural, rate, span } from "./format.js";
import { budgets, clients, credentials } from "./model.js";

const most = 10;

// needs are the things that need attention, the worst first. Each has a key that is the
// same while it says the same, and words: texts and elements.
export function needs(status, history) {
  return [...configuration(status), ...pools(status), ...spent(status, history), ...down(status), ...allowances(status), ...refused(status, history)]
    .sort((a, b) => a.rank - b.rank);
}

// configuration says when octopool goes by an older file than there is.
function configuration(status) {
  const c = status.configuration;
  if (c.current && c.restart.length === 0) return [];
  if (c.current) {
    return [{ rank: 6, level: "note", key: "restart " + c.restart, words: () => ["Changes of the configuration wait for a restart: " + c.restart.join("; ") + "."] }];
  }
  return [{ rank: 0, level: "bad", key: "configuration " + c.problems, words: () => [el("strong", {}, "The configuration"), " could not be read anew, and octopool goes on with the one of ", dateTime(c.loaded), ": " + c.problems.join("; ")] }];
}

function pools(status) {
  return status.pools.filter((p) => !p.ready).map((p) => ({
    rank: 0, level: "bad", key: "pool " + p.github + " " + p.name,
    words: () => [el("strong", {}, "Pool " + p.name), " of " + p.github + " cannot serve: none of its credentials is in service."],
  }));
}

function spent(status, history) {
  return budgets(status, history).filter((b) => b.level !== "ok").map((b) => {
    const whose = el("strong", {}, b.resource + " of " + b.who);
    const part = Math.floor((100 * b.remaining) / b.limit) + " %";
    if (b.level === "spent") {
      return { rank: 1, level: "bad", key: ["spent", b.who, b.resource, b.reset].join(" "), words: () => [whose, " is spent. It is whole again in ", until(b.reset), "."] };
    }
    if (b.lasts < Infinity) {
      const early = Math.max(0, (Date.parse(b.reset) - now()) / 1000 - b.lasts * 60);
      const pace = rate(b.perMinute) + " points a minute";
      return { rank: 2, level: "warn", key: ["soon", b.who, b.resource, pace, Math.round(b.lasts), Math.round(early / 60)].join(" "), words: () => [whose, " runs out in about " + span(b.lasts * 60) + " at " + pace + ", " + span(early) + " before its reset."] };
    }
    return { rank: 4, level: "warn", key: ["low", b.who, b.resource, part, b.reset].join(" "), words: () => [whose, " has " + part + " left, " + count(b.remaining) + " of " + count(b.limit) + ", for ", until(b.reset), "."] };
  });
}

function down(status) {
  return credentials(status).filter((c) => !c.up).map((c) => ({
    rank: 3, level: "bad", key: ["down", c.name, c.reason, c.retry].join(" "),
    words: () => [el("strong", {}, "Credential " + c.name), " is down: " + c.reason, ...again(c)],
  }));
}

// again is when a credential that is down is tried again.
export function again(c) {
  if (!c.retry) return ["."];
  return Date.parse(c.retry) > now() ? ["; tried again in ", until(c.retry), "."] : ["; tried again with the next request."];
}

function allowances(status) {
  return status.clients.filter((c) => c.allowance && c.allowance.remaining <= c.allowance.limit / 10).map((c) => ({
    rank: c.allowance.remaining ? 5 : 3, level: "warn", key: ["allowance", c.name, c.allowance.remaining, c.allowance.reset].join(" "),
    words: () => [link(clientLink(c.name), c.name), " has " + (c.allowance.remaining ? count(c.allowance.remaining) : "nothing") + " left of its allowance of " + count(c.allowance.limit) + " points. It gets more in ", until(c.allowance.reset), "."],
  }));
}

function refused(status, history) {
  return clients(status, history).filter((c) => c.hour.refused > 0).sort((a, b) => b.hour.refused - a.hour.refused).slice(0, 3).map((c) => ({
    rank: 6, level: "note", key: ["refused", c.name, c.hour.refused].join(" "),
    words: () => [link(clientLink(c.name), clientName(c.name)), " was refused " + plural(c.hour.refused, "request", "requests") + " in the last hour."],
  }));
}

// show writes them, and returns how many there are. What says the same stays as it is.
export function showNeeds(all) {
  const list = byId("attention");
  const old = new Map([...list.children].map((li) => [li.dataset.key, li]));
  const items = all.slice(0, most).map((need) => old.get(need.key) ?? item(need.key, need.level, need.words()));
  if (all.length > most) items.push(item("more", "note", ["And " + count(all.length - most) + " more."]));
  if (all.length === 0) items.push(old.get("none") ?? item("none", "fine", ["Nothing. Budgets last until their reset, all credentials are up, and nothing was refused in the last hour."]));
  if (items.length !== list.children.length || items.some((li, i) => list.children[i] !== li)) list.replaceChildren(...items);
  return all.length;
}

const marks = { bad: "Now", warn: "Soon", note: "Note", fine: "Fine" };

function item(key, level, words) {
  const li = el("li", { class: level }, el("span", { class: "mark" }, marks[level]), el("span", {}, ...words));
  li.dataset.key = key;
  return li;
}

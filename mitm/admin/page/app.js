// The dashboard: asks octopool, and has the two pages show what it answers. Nothing comes
// from elsewhere, and nothing is kept when the page is left.

import { byId, setClock, setText, tick } from "./dom.js";
import { clientName, dateTime, plural, span, time } from "./format.js";
import { makeClientPage } from "./client.js";
import { requestsOf } from "./model.js";
import { makeOverview } from "./overview.js";

const seen = { status: null, history: null, mine: null, cache: null, perSecond: null };
const overview = makeOverview(), clientPage = makeClientPage();

// route is the client whose page is asked for, or null.
function route() {
  const found = location.hash.match(/^#\/client\/(.+)$/);
  try {
    return found && decodeURIComponent(found[1]);
  } catch {
    return found[1]; // a stray percent sign
  }
}

// ---- what octopool tells

async function ask(path) {
  const answer = await fetch(path, { credentials: "same-origin", cache: "no-store" });
  if (answer.status === 401) {
    ended();
    throw new Error("logged out");
  }
  if (!answer.ok) throw new Error(path + ": " + answer.status + " " + (await answer.text()));
  return answer.json();
}

let fetching = null, fetched = 0, fetchedRequests = -1;

// fetchHistory asks for what the stream of events does not tell, once at a time.
function fetchHistory() {
  fetching ??= Promise.all([ask("api/history"), ask("api/cache"), route() === null ? null : ask("api/history?client=" + encodeURIComponent(route()))])
    .then(([history, cache, mine]) => {
      Object.assign(seen, { history, cache, mine });
      fetched = Date.now();
      fetchedRequests = seen.status ? requestsOf(seen.status) : -1;
      showHistory();
    })
    .catch(silence)
    .finally(() => { fetching = null; });
  return fetching;
}

// gotStatus takes what an event tells.
function gotStatus(status) {
  setClock(status.now);
  seen.status = status;
  measure(status);
  connected();
  const age = Date.now() - fetched;
  if (age > 10000 || (age > 2500 && requestsOf(status) !== fetchedRequests)) fetchHistory();
  showStatus();
}

const samples = []; // requests since start, over the last ten seconds

// measure works out how many requests a second there are.
function measure(status) {
  const at = Date.parse(status.now), n = requestsOf(status);
  if (samples.length && (n < samples.at(-1).n || at <= samples.at(-1).at)) samples.length = 0; // octopool has started anew
  samples.push({ at, n });
  while (samples.length > 2 && at - samples[0].at > 10500) samples.shift();
  const long = (at - samples[0].at) / 1000;
  seen.perSecond = long >= 6 ? (n - samples[0].n) / long : null;
}

// ---- the stream of events, and what to do without it

let stream = null, retry = null, listening = 0;

function listen() {
  clearTimeout(retry);
  stream?.close();
  listening = Date.now();
  stream = new EventSource("api/events");
  stream.addEventListener("status", (event) => gotStatus(JSON.parse(event.data)));
  stream.addEventListener("ended", ended);
  stream.addEventListener("error", () => {
    stream.close();
    if (Date.now() - listening > 30000) { // octopool ends each stream some time
      listen();
      return;
    }
    ask("api/status").then(gotStatus).then(() => showLive("slow", "Every 10 s"), silence); // 503: too many look on
    retry = setTimeout(listen, lost ? 3000 : 10000);
  });
}

let lost = false, over = false;

function connected() {
  lost = false;
  showLive("on", "Live");
  banner();
}

// silence is what is said when octopool does not answer.
function silence(error) {
  if (over) return;
  lost = true;
  showLive("off", "No answer");
  const age = seen.status ? " Figures are of " + time(seen.status.now) + "." : "";
  banner("octopool does not answer." + age + " Trying again.", error);
}

// ended is what is said when the session is over: nothing is asked any more.
function ended() {
  over = true;
  clearTimeout(retry);
  stream?.close();
  showLive("off", "Logged out");
  banner("Your session has ended. ");
  const link = document.createElement("a");
  link.href = "login";
  link.textContent = "Log in again";
  byId("banner").append(link);
}

function banner(text = "", error = null) {
  const place = byId("banner");
  place.hidden = text === "";
  if (place.textContent !== text) place.textContent = text;
  place.title = error?.message ?? "";
}

function showLive(state, text) {
  byId("live").className = "quiet " + state;
  setText(byId("live-text"), text);
}

// ---- showing it

let needed = -1;

function showStatus() {
  const { status, history } = seen;
  if (!status || !history) return;
  const ready = status.pools.some((pool) => pool.ready);
  byId("state").className = "pill " + (ready ? "fine" : "bad");
  setText(byId("state"), ready ? "ready" : "not ready");
  setText(byId("since"), status.version + ", up " + span((Date.parse(status.now) - Date.parse(status.started)) / 1000));
  byId("since").title = "since " + dateTime(status.started);
  const name = route();
  if (name !== null) clientPage.status(name, seen);
  const needs = name === null ? overview.status(seen) : needed;
  if (needs !== needed && needed >= 0) setText(byId("announce"), needs ? plural(needs, "thing needs", "things need") + " attention" : "Nothing needs attention");
  needed = needs;
}

function showHistory() {
  byId("loading").hidden = Boolean(seen.status);
  showStatus();
  if (!seen.status) return;
  const name = route();
  const isNew = byId("overview").hidden === (name === null) || byId("client").hidden === (name !== null);
  byId("overview").hidden = name !== null;
  byId("client").hidden = name === null;
  if (name === null) overview.history(seen);
  else if (seen.mine?.client === name) clientPage.history(seen);
  if (isNew) scrollTo(0, 0);
}

async function changePage() {
  const name = route();
  document.title = name === null ? "octopool" : clientName(name) + " – octopool";
  seen.mine = null;
  await fetching; // which is of the page before
  await fetchHistory();
  showHistory();
  if (name !== null) byId("client-name").focus();
}

async function start() {
  document.title = route() === null ? "octopool" : clientName(route()) + " – octopool";
  try {
    gotStatus(await ask("api/status"));
  } catch (error) {
    silence(error);
  }
  listen();
}

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the fragment says which page this is
  byId("main").focus();
});
addEventListener("hashchange", changePage);
addEventListener("resize", () => seen.history && showHistory());
document.addEventListener("visibilitychange", () => {
  if (over) return;
  if (document.hidden) stream?.close(); // a browser has few connections for all its tabs
  else listen();
});
setInterval(tick, 1000);
start();

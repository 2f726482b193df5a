// Asks GitHub with a real octokit, its throttling and retry plugins as they come.
//
//   node octokit.mjs HANDLERS REQUEST…
//
// HANDLERS is what onRateLimit and onSecondaryRateLimit answer: "once" retries a request
// once, "never" none. A REQUEST is METHOD PATH,
// METHOD PATH JSON or a GraphQL query; those after a "+" are asked at once. Each call of a handler and each answer is a line; the last is how many
// requests were sent in all.

import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const packages = createRequire(resolve(process.env.OCTOPOOL_NODE_MODULES, "octokit.mjs"));
const load = (name) => import(pathToFileURL(packages.resolve(name)));
const { Octokit } = await load("octokit");
const { fetch, EnvHttpProxyAgent } = await load("undici");

const [handlers, ...requests] = process.argv.slice(2);
const dispatcher = new EnvHttpProxyAgent(); // Node 20's own fetch does not read HTTPS_PROXY
let sent = 0;

function handler(name) {
  return (retryAfter, options, octokit, retryCount) => {
    console.log(`${name} in ${retryAfter} s: ${options.method} ${new URL(options.url, "https://api.github.com").pathname}`);
    return handlers === "once" && retryCount < 1;
  };
}

const octokit = new Octokit({
  auth: process.env.GITHUB_TOKEN,
  throttle: { onRateLimit: handler("onRateLimit"), onSecondaryRateLimit: handler("onSecondaryRateLimit") },
  request: {
    fetch: (url, options) => {
      sent++;
      return fetch(url, { ...options, dispatcher });
    },
  },
});

async function ask(request) {
  try {
    if (request.startsWith("{")) {
      return JSON.stringify(await octokit.graphql(request));
    }
    const [, route, json] = /^(\S+ \S+) ?(.*)$/.exec(request);
    const { status, headers } = await octokit.request(route, JSON.parse(json || "{}"));
    return `${status}, ${headers["x-ratelimit-remaining"]} of ${headers["x-ratelimit-limit"]} left`;
  } catch (error) {
    return `${error.status ?? error.name}: ${error.message}`;
  }
}

const show = (request, answer) => console.log(`${request}: ${answer}`);
const plus = requests.indexOf("+");
for (const request of plus < 0 ? requests : requests.slice(0, plus)) {
  show(request, await ask(request));
}
if (plus >= 0) {
  const atOnce = requests.slice(plus + 1);
  const answers = await Promise.all(atOnce.map(ask));
  atOnce.forEach((request, i) => show(request, answers[i]));
}
console.log(`${sent} sent`);

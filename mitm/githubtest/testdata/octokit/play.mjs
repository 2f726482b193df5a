// Plays recorded exchanges with a real octokit client and prints what came back.
//
//   node play.mjs [FILE] < exchanges.json
//
// In: a JSON array of {method, url, headers, body}, from FILE or standard input;
// a body under a JSON content type is handed to octokit as the value it spells.
// Out: for each, in order, a line of JSON {status, headers, sha256, length}, or
// {error} when no answer came. An error status is an answer.
//
// The environment is the one a CI job has: HTTPS_PROXY, NODE_EXTRA_CA_CERTS and
// GITHUB_TOKEN; OCTOPOOL_NODE_MODULES is the folder that holds octokit and undici.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

// An import statement looks for packages beside this file, where there are none.
const packages = createRequire(resolve(process.env.OCTOPOOL_NODE_MODULES, "play.mjs"));
const load = (name) => import(pathToFileURL(packages.resolve(name)));
const { Octokit, RequestError } = await load("octokit");
const { fetch, EnvHttpProxyAgent } = await load("undici");

// The fetch that comes with Node 20 does not read HTTPS_PROXY; undici's can.
const dispatcher = new EnvHttpProxyAgent();

let received; // a second reading of the latest answer, which octokit cannot consume
const octokit = new Octokit({
  auth: process.env.GITHUB_TOKEN,
  retry: { enabled: false },
  throttle: { enabled: false },
  request: {
    redirect: "manual", // a redirect is an answer to compare, not to follow
    fetch: async (url, options) => {
      const response = await fetch(url, { ...options, dispatcher });
      received = response.clone();
      return response;
    },
  },
});

async function play({ method, url, headers, body }) {
  const request = { method, url, headers };
  if (body) {
    request.data = /^application\/json\b/.test(headers["content-type"]) ? JSON.parse(body) : body;
  }
  received = undefined;
  try {
    await octokit.request(request);
  } catch (error) {
    if (!(error instanceof RequestError) || !received) {
      return { error: String(error) };
    }
  }
  const bytes = Buffer.from(await received.arrayBuffer());
  const lines = {};
  for (const [name, value] of received.headers) {
    (lines[name] ??= []).push(value);
  }
  return {
    status: received.status,
    headers: lines,
    sha256: createHash("sha256").update(bytes).digest("hex"),
    length: bytes.length,
  };
}

for (const exchange of JSON.parse(readFileSync(process.argv[2] ?? 0, "utf8"))) {
  console.log(JSON.stringify(await play(exchange)));
}
await dispatcher.close();

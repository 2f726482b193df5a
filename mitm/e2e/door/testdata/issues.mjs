// Lists the titles of acme/api's issues, two to a page, with a real octokit.
//
//   node issues.mjs base URL    by a base URL, with the token in CI
//   node issues.mjs proxy       by the environment's proxy, with the token in TOKEN, if any

import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const packages = createRequire(resolve(process.env.OCTOPOOL_NODE_MODULES, "issues.mjs"));
const load = (name) => import(pathToFileURL(packages.resolve(name)));
const { Octokit } = await load("octokit");
const { fetch: throughProxy, EnvHttpProxyAgent } = await load("undici");

const [how, baseUrl] = process.argv.slice(2);
const options =
  how === "base"
    ? { auth: process.env.CI, baseUrl }
    : {
        auth: process.env.TOKEN,
        request: { fetch: (url, init) => throughProxy(url, { ...init, dispatcher: new EnvHttpProxyAgent() }) },
      };
const octokit = new Octokit(options);
const issues = await octokit.paginate("GET /repos/{owner}/{repo}/issues", { owner: "acme", repo: "api", per_page: 2 });
console.log(issues.map((issue) => issue.title).join("\n"));
const { viewer } = await octokit.graphql("{ viewer { login } }");
console.log(viewer.login);

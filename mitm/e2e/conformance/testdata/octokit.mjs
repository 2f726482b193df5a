// Takes steps with a real octokit, which prints what came of each.
//
//   node octokit.mjs STEP…

import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const packages = createRequire(resolve(process.env.OCTOPOOL_NODE_MODULES, "octokit.mjs"));
const load = (name) => import(pathToFileURL(packages.resolve(name)));
const { Octokit } = await load("octokit");
const { fetch, EnvHttpProxyAgent } = await load("undici");

const dispatcher = new EnvHttpProxyAgent(); // Node 20's own fetch does not read HTTPS_PROXY
const octokit = new Octokit({
  auth: process.env.GITHUB_TOKEN,
  baseUrl: process.env.API,
  retry: { enabled: false },
  request: { fetch: (url, options) => fetch(url, { ...options, dispatcher }) },
});
const api = { owner: "acme", repo: "api" };

const steps = {
  user: async () => (await octokit.rest.users.getAuthenticated()).data.login,
  repository: async () => {
    const { data, headers } = await octokit.rest.repos.get(api);
    return [data.full_name, data.private, data.permissions.push, headers["x-ratelimit-limit"], headers["x-ratelimit-resource"]];
  },
  issues: async () => (await octokit.paginate(octokit.rest.issues.listForRepo, { ...api, per_page: 10 })).map((issue) => issue.number),
  write: async () => {
    const { data: issue } = await octokit.rest.issues.create({ ...api, title: "New" });
    const { data: comment } = await octokit.rest.issues.createComment({ ...api, issue_number: issue.number, body: "Indeed." });
    const { data: closed } = await octokit.rest.issues.update({ ...api, issue_number: issue.number, state: "closed" });
    return [issue.number, issue.user.login, comment.body, closed.state];
  },
  missing: async () => (await octokit.rest.repos.get({ owner: "acme", repo: "vault" })).status,
  search: async () => (await octokit.request("GET /search/issues", { q: "repo:acme/api late" })).data.total_count,
  contents: async () => {
    const write = (content, sha) =>
      octokit.rest.repos.createOrUpdateFileContents({ ...api, path: "a.txt", message: "Write", content: Buffer.from(content).toString("base64"), sha });
    const { data } = await write("one\n");
    await write("two\n", data.content.sha);
    return (await octokit.rest.repos.getContent({ ...api, path: "a.txt", mediaType: { format: "raw" } })).data;
  },
  status: async () => {
    await octokit.rest.repos.createCommitStatus({ ...api, sha: "main", state: "success", context: "ci" });
    return (await octokit.rest.repos.getCombinedStatusForRef({ ...api, ref: "main" })).data.state;
  },
  limits: async () => {
    const { core, search, graphql } = (await octokit.rest.rateLimit.get()).data.resources;
    return [core, search, graphql].map(({ limit }) => limit);
  },
  graphql: async () => JSON.stringify(await octokit.graphql('{repository(owner:"acme",name:"api"){name}}')),
  asset: async () => {
    const { data: release } = await octokit.rest.repos.getLatestRelease(api);
    const { data } = await octokit.rest.repos.getReleaseAsset({ ...api, asset_id: release.assets[0].id, headers: { accept: "application/octet-stream" } });
    return createHash("sha256").update(Buffer.from(data)).digest("hex");
  },
};

for (const step of process.argv.slice(2)) {
  try {
    console.log(String(await steps[step]()));
  } catch (error) {
    console.log(`${error.name} ${error.status}: ${error.message}`);
    process.exit(1);
  }
}

package conformance

const (
	noUser      = "an App has no user, GitHub answers 403"
	notThere    = "the App is not installed there"
	noPersonals = "an App has no gists, GitHub answers 403"
)

// ghReads are what gh reads: most of it by GraphQL, some by REST, files from signed URLs.
func ghReads() []row {
	const guarded = "HTTP 403: octopool: client ci may not GET /user/keys: a key lets its holder act as the credential's user, and no scope names it (https://api.github.com/user/keys?per_page=100)\n"
	// octopool's pool tells of the resources that its clients have asked for, and of the main ones.
	told := difference{"the main resources, and those the pool has spent of",
		"actions_runner_registration audit_log audit_log_streaming code_scanning_autofix code_scanning_upload code_search core dependency_sbom dependency_snapshots graphql integration_manifest scim search source_import",
		"code_search core graphql search"}
	resources := map[column]difference{withPAT: told, withInstallation: told}
	refusedKeys := map[column]difference{
		withPAT:          {"refused: a user's keys need a scope that names them", "-- status 0", guarded + "-- status 1"},
		withInstallation: {"refused, in octopool's words", "HTTP 403: Resource not accessible by integration (https://api.github.com/user/keys?per_page=100)\n", guarded},
	}
	const paginated = `gh api graphql --paginate --jq '.data.repository.issues.nodes[].number' -f query='query($endCursor:String){repository(owner:"acme",name:"api"){issues(first:20,after:$endCursor){nodes{number} pageInfo{hasNextPage endCursor}}}}'`
	return []row{
		{client: "gh", title: "auth status", script: `gh auth status`},
		{client: "gh", title: "auth setup-git, git clone", script: `gh auth setup-git; unset GIT_CONFIG_COUNT; git clone -q https://github.com/acme/api; git -C api log --format=%H`},
		{client: "gh", title: "status", races: true, script: `gh status`, app: noUser},

		{client: "gh", title: "api user", script: `gh api user`, app: noUser},
		{client: "gh", title: "api a repository, twice", script: `gh api repos/acme/api; gh api repos/acme/api`},
		{client: "gh", title: "api --include", script: `gh api -i repos/acme/web/issues/1`},
		{client: "gh", title: "api --paginate", script: `gh api --paginate 'repos/acme/api/issues?per_page=10' --jq '.[].number'`},
		{client: "gh", title: "api --cache", script: `for n in 1 2; do gh api --cache 1h repos/acme/web/branches; done`},
		{client: "gh", title: "api -H If-None-Match", fails: true, script: `tag=$(gh api -i repos/acme/web | sed -n 's/\r$//; s/^Etag: //Ip'); test -n "$tag"; gh api -i -H "If-None-Match: $tag" repos/acme/web`},
		{client: "gh", title: "api of what is not there", fails: true, script: `gh api repos/acme/vault`},
		{client: "gh", title: "api rate_limit", script: `gh api rate_limit --jq '.resources.core.limit, .resources.search.limit, .resources.graphql.limit'`},
		{client: "gh", title: "api rate_limit, all of it", script: `gh api rate_limit --jq '.resources | keys | join(" ")'`, differs: resources},
		{client: "gh", title: "api graphql", script: `gh api graphql -f query='{viewer{login}}'`},
		{client: "gh", title: "api graphql --paginate", script: paginated},
		{client: "gh", title: "api graphql with an error", fails: true, script: `gh api graphql -f query='{repository(owner:"acme",name:"vault"){id}}'`},

		{client: "gh", title: "issue list", script: `gh issue list -R acme/api --limit 50; gh issue list -R acme/web --label bug --json number`},
		{client: "gh", title: "issue view", script: `gh issue view 1 -R acme/web; gh issue view 1 -R acme/web --comments --json title,comments`},
		{client: "gh", title: "issue view of what is not there", fails: true, script: `gh issue view 99 -R acme/web`},
		{client: "gh", title: "issue status", script: `gh issue status -R acme/web`},

		{client: "gh", title: "pr list", script: `gh pr list -R acme/web`},
		{client: "gh", title: "pr view", more: withChecks, script: `gh pr view 3 -R acme/web; gh pr view 3 -R acme/web --json title,files,commits,statusCheckRollup`},
		{client: "gh", title: "pr checks", more: withChecks, script: `gh pr checks 3 -R acme/web`},
		{client: "gh", title: "pr diff", script: `gh pr diff 3 -R acme/web; gh pr diff 3 -R acme/web --patch | tail -n +2`},
		{client: "gh", title: "pr status", script: `gh repo clone acme/web -- -q; cd web; gh pr status`},
		{client: "gh", title: "pr checkout", script: `gh repo clone acme/web -- -q; cd web; gh pr checkout 3; git log -1 --format=%s`},

		{client: "gh", title: "release list", races: true, script: `gh release list -R acme/web`},
		{client: "gh", title: "release view", races: true, script: `gh release view v1.0 -R acme/web; gh release view -R acme/api --json tagName,assets`},
		{client: "gh", title: "release download", races: true, script: `gh release download v1.0 -R acme/web --dir got; cd got; sha256sum *`},
		{client: "gh", title: "release download of a private repository", races: true, script: `gh release download v2.0 -R acme/api -p '*.bin'; sha256sum *`},
		{client: "gh", title: "release download --archive", races: true, script: `gh release download v2.0 -R acme/api --archive=tar.gz; tar tzf *; gh release download v1.0 -R acme/web --archive=zip; ls`},

		{client: "gh", title: "repo view", script: `gh repo view acme/web; gh repo view acme/api --json name,isPrivate,defaultBranchRef`},
		{client: "gh", title: "repo view of what is not there", fails: true, script: `gh repo view acme/vault`},
		{client: "gh", title: "repo list", script: `gh repo list acme`},
		{client: "gh", title: "repo clone", script: `gh repo clone acme/api; git -C api log --format=%H`},
		{client: "gh", title: "label list", script: `gh label list -R acme/web`},

		{client: "gh", title: "run list", more: withActions, script: `gh run list -R acme/web; gh run list -R acme/web --workflow ci.yml --json databaseId,conclusion`},
		{client: "gh", title: "run view", more: withActions, script: `gh run view $GOOD -R acme/web; gh run view $BAD -R acme/web --verbose`},
		{client: "gh", title: "run view --exit-status", more: withActions, fails: true, script: `gh run view $BAD -R acme/web --exit-status`},
		{client: "gh", title: "run view --log", more: withActions, script: `gh run view $GOOD -R acme/web --log`},
		{client: "gh", title: "run view --log-failed", more: withActions, script: `gh run view $BAD -R acme/web --log-failed`},
		{client: "gh", title: "run view --job", more: withActions, script: `gh run view -R acme/web --job "$(gh api repos/acme/web/actions/runs/$GOOD/jobs --jq '.jobs[0].id')" --log`},
		{client: "gh", title: "run download", more: withActions, script: `gh run download $GOOD -R acme/web; sha256sum */*`},
		{client: "gh", title: "run download of a private repository", more: withActions, script: `gh run download $PRIVATE -R acme/api -n report; sha256sum *`},
		{client: "gh", title: "run watch", more: withActions, script: `gh run watch $GOOD -R acme/web; gh run watch $BAD -R acme/web --exit-status || echo "status $?"`},
		{client: "gh", title: "workflow list", more: withActions, script: `gh workflow list -R acme/web`},
		{client: "gh", title: "workflow view", more: withActions, script: `gh workflow view ci.yml -R acme/web; gh workflow view ci.yml -R acme/web --yaml`},

		{client: "gh", title: "search issues", script: `gh search issues menu; gh search issues --repo acme/api late --limit 3 --json number`},
		{client: "gh", title: "search prs", script: `gh search prs --repo acme/web menu`},
		{client: "gh", title: "search repos", script: `gh search repos web`},
		{client: "gh", title: "search commits", script: `gh search commits --repo acme/web write --json sha,commit`},
		{client: "gh", title: "api of code search", script: `gh api -X GET search/code -f q='console repo:acme/web' --jq '.items[].path'`},

		{client: "gh", title: "secret list", silent: true, script: `gh secret list -R acme/web`, app: "the App is not granted secrets"},
		{client: "gh", title: "gist list", silent: true, script: `gh gist list`},
		{client: "gh", title: "ssh-key list", silent: true, script: `gh ssh-key list`, app: noUser, differs: refusedKeys},
	}
}

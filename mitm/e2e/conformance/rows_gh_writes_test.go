package conformance

// ghWrites are what gh writes, and reads again where that tells more than the answer.
func ghWrites() []row {
	// GitHub says that the App may not, octopool that it is not installed there.
	notInstalled := func(directly string) map[column]difference {
		return map[column]difference{withInstallation: {"the same status, in octopool's words", "HTTP 403: " + directly, "HTTP 403: octopool: no credential of pool default covers octo-bot"}}
	}
	const change = `gh repo clone acme/web -- -q; cd web; git checkout -q -b fix; echo fixed >fix.txt; git add .; git commit -qm 'Fix it'; git push -q origin fix; `
	return []row{
		{client: "gh", title: "api -X POST, PATCH", script: `gh api repos/acme/api/issues -f title='One more' --jq '.number, .user.login'; gh api -X PATCH repos/acme/api/issues/1 -f title=New --jq .title; gh api repos/acme/api/issues/1 --jq .title`},
		{client: "gh", title: "issue create", script: `gh issue create -R acme/web --title 'A dead link' --body 'On the first page.' --label bug; gh issue view 4 -R acme/web`},
		{client: "gh", title: "issue comment", script: `gh issue comment 1 -R acme/web --body 'Seen it too.'; gh issue view 1 -R acme/web --comments`},
		{client: "gh", title: "issue edit", script: `gh issue edit 1 -R acme/web --title New --add-label bug; gh issue view 1 -R acme/web`},
		{client: "gh", title: "issue close, reopen", script: `gh issue close 1 -R acme/web; gh issue list -R acme/web; gh issue reopen 1 -R acme/web; gh issue list -R acme/web`},
		{client: "gh", title: "issue close of what is not there", fails: true, script: `gh issue close 99 -R acme/web`},

		{client: "gh", title: "pr create", script: change + `gh pr create --title 'Fix it' --body 'It was broken.'; gh pr view --json title,headRefName,author`},
		{client: "gh", title: "pr create --fill --draft", script: change + `gh pr create --fill --draft; gh pr view 4 --json isDraft,body`},
		{client: "gh", title: "pr comment", script: `gh pr comment 3 -R acme/web --body Nice; gh pr view 3 -R acme/web --comments`},
		{client: "gh", title: "pr review --approve", script: `gh pr review 3 -R acme/web --approve --body 'Good.'; gh api repos/acme/web/pulls/3/reviews --jq '.[] | .user.login, .state, .body'`},
		{client: "gh", title: "pr review --request-changes", script: `gh pr review 3 -R acme/web --request-changes --body 'Why?'; gh pr view 3 -R acme/web --json reviewDecision,reviews`},
		{client: "gh", title: "pr merge --squash", script: `gh pr merge 3 -R acme/web --squash; gh pr view 3 -R acme/web --json state,mergedBy; gh api repos/acme/web/contents/change-3.md --jq .name`},
		{client: "gh", title: "pr merge, delete the branch", script: change + `gh pr create --fill; gh pr merge --merge --delete-branch; git log --format=%s; git ls-remote --heads origin`},
		{client: "gh", title: "pr edit", script: `gh pr edit 3 -R acme/web --title New --add-label bug; gh pr view 3 -R acme/web`},
		{client: "gh", title: "pr ready", script: change + `gh pr create --fill --draft; gh pr ready 4; gh pr view 4 --json isDraft`},
		{client: "gh", title: "pr close, reopen", script: `gh pr close 3 -R acme/web; gh pr list -R acme/web; gh pr reopen 3 -R acme/web; gh pr list -R acme/web`},

		{client: "gh", title: "release create with files", races: true, script: `echo one >one.txt; echo two >two.txt; gh release create v1.1 -R acme/web --title 'The second' --notes Better. one.txt two.txt; gh release view v1.1 -R acme/web --json name,body,author,assets --jq '.name, .body, .author.login, ([.assets[].name] | sort)'`},
		{client: "gh", title: "release create --generate-notes", races: true, script: `gh release create v1.1 -R acme/web --generate-notes; gh release view v1.1 -R acme/web --json body`},
		{client: "gh", title: "release upload", races: true, script: `head -c 3000000 /dev/zero >large.bin; gh release upload v1.0 -R acme/web large.bin; gh release download v1.0 -R acme/web -p large.bin --dir got; sha256sum got/*; gh release upload v1.0 -R acme/web --clobber large.bin`},
		{client: "gh", title: "release edit", races: true, script: `gh release edit v1.0 -R acme/web --title First --prerelease; gh release view v1.0 -R acme/web`},
		{client: "gh", title: "release delete", races: true, script: `gh release delete v1.0 -R acme/web --yes; gh api repos/acme/web/releases --jq length`},
		{client: "gh", title: "release delete-asset", races: true, script: `gh release delete-asset v1.0 sums.txt -R acme/web --yes; gh release view v1.0 -R acme/web --json assets --jq '.assets[].name'`},

		{client: "gh", title: "label create, edit, delete", script: `gh label create urgent -R acme/web --color ff0000 --description Now; gh label edit urgent -R acme/web --name soon; gh label delete bug -R acme/web --confirm; gh label list -R acme/web`},
		{client: "gh", title: "label clone", script: `gh label create urgent -R acme/web --color ff0000; gh label clone acme/web -R acme/api; gh label list -R acme/api`},

		{client: "gh", title: "repo create", script: `gh repo create octo-bot/new --private --description New; gh repo view octo-bot/new --json name,isPrivate`, app: noUser},
		{client: "gh", title: "repo fork", script: `gh repo fork acme/web --clone; cd web; git remote -v; git log -1 --format=%s`, app: noUser},
		{client: "gh", title: "repo edit", script: `gh repo edit octo-bot/dotfiles --description Mine; gh repo view octo-bot/dotfiles --json description`, app: notThere, differs: notInstalled("Resource not accessible by integration")},
		{client: "gh", title: "repo rename", script: `gh repo rename -R octo-bot/dotfiles dots --yes; gh repo view octo-bot/dots --json name`, app: notThere, differs: notInstalled("Resource not accessible by integration")},
		{client: "gh", title: "repo delete", script: `gh repo delete octo-bot/dotfiles --yes; gh repo list octo-bot --json name`, app: notThere, differs: notInstalled("Must have admin rights to Repository.")},

		{client: "gh", title: "gist create, list, view", script: `echo 'hello' >a.txt; url=$(gh gist create -d First a.txt); gh gist list; gh gist view "$url"; gh gist view --raw "$url" -f a.txt`, app: noPersonals},
		{client: "gh", title: "gist edit, delete", script: `echo 'hello' >a.txt; url=$(gh gist create -p a.txt); echo more >b.txt; gh gist edit "$url" -a b.txt; gh gist view "$url"; gh gist delete "$url"; gh gist list`, app: noPersonals},

		{client: "gh", title: "run rerun, cancel", more: withActions, script: `gh run rerun $BAD -R acme/web; gh run view $BAD -R acme/web; gh run cancel $BAD -R acme/web; gh run list -R acme/web`},
		{client: "gh", title: "workflow run", more: withActions, script: `gh workflow run ci.yml -R acme/web --ref main; gh run list -R acme/web --limit 1 --json event,status,headBranch`},
		{client: "gh", title: "workflow disable, enable", more: withActions, script: `gh workflow disable ci.yml -R acme/web; gh workflow list -R acme/web --all; gh workflow enable ci.yml -R acme/web; gh workflow list -R acme/web`},
		{client: "gh", title: "secret set, delete", script: `gh secret set DEPLOY_KEY -R acme/web --body hunter2; gh secret list -R acme/web | cut -f1; gh secret delete DEPLOY_KEY -R acme/web`, app: "the App is not granted secrets"},
	}
}

# gh tells through octopool what it tells without: the same output, the same errors, the
# same exit status.
same_user
both sh -c 'gh auth status 2>&1 | sed "s/Token: .*/Token: …/"'
both gh api user
both gh api user --jq .login
both gh api repos/acme/api
both gh api --paginate 'repos/acme/api/issues?per_page=10' --jq '.[].title'
both gh api graphql -f query='{viewer{login}}'
both gh issue list -R acme/web
both gh issue list -R acme/api --limit 50
both gh issue view 1 -R acme/web
both gh pr list -R acme/web
both gh pr view 3 -R acme/web
both gh pr checks 3 -R acme/web
both gh pr diff 3 -R acme/web
both gh release list -R acme/web
both gh release view v1.0 -R acme/web
both gh repo view acme/web
both gh repo view acme/api --json name,isPrivate,viewerPermission
both gh repo list acme
both gh label list -R acme/web
both gh search issues menu
both_fail gh api repos/acme/vault
both_fail gh issue view 99 -R acme/web
both_fail gh repo view acme/vault

# Some of it to the letter.
gh api user --jq .login | sed 's/octo-bot\|hubot/a user of the pool/'
gh issue list -R acme/web --json number,title,state --jq '.[] | "#\(.number) \(.title) \(.state)"'
gh pr view 3 -R acme/web --json title,headRefName --jq '.title, .headRefName'
gh pr checks 3 -R acme/web | cut -f1,2
gh api --paginate 'repos/acme/api/issues?per_page=20' --jq '[.[].number] | [first, last] | join("-")'
gh label list -R acme/web | cut -f1
gh api repos/acme/vault --jq .message 2>/dev/null | grep -o '"message":"[^"]*"'

# What gh writes through octopool arrives, and has one author however many credentials
# the pool has.
same_user
a_user() { sed 's/octo-bot\|hubot/USER/'; }
gh issue create -R acme/web --title 'A dead link' --body 'On the first page.'
gh issue comment 4 -R acme/web --body 'Seen it too.' >comment
sed 's/-[0-9]*$/-N/' comment
gh issue close 4 -R acme/web 2>"$HOME/err"
directly gh issue view 4 -R acme/web --json title,body,state,author,comments \
	--jq '.title, .body, .state, .author.login, (.comments[] | .author.login + ": " + .body)' | a_user
gh issue reopen 4 -R acme/web 2>"$HOME/err"
gh issue list -R acme/web --json number --jq '.[].number'

# A release: its assets go to another host, with the same credential.
echo one >one.txt
echo two >two.txt
gh release create v1.1 -R acme/web --title 'The second' --notes 'Better.' one.txt
gh release upload v1.1 -R acme/web two.txt
directly gh release view v1.1 -R acme/web --json name,body,assets --jq '.name, .body, (.assets[].name)'
gh release download v1.1 -R acme/web --dir got
cat got/one.txt got/two.txt
gh release delete v1.1 -R acme/web --yes

# What was just written can be read at once, and a write costs what it costs without.
gh api repos/acme/api/issues/1 --jq .title
gh api -X PATCH repos/acme/api/issues/1 -f title='Endpoint 1 is fast now' --jq .title
gh api repos/acme/api/issues/1 --jq .title
gh api repos/acme/api/issues -f title='One more' --jq '.number'

# Issues are GraphQL, where only what came of it tells who did it.
directly gh issue view 4 -R acme/web --json author,comments --jq '[.author.login, .comments[].author.login] | unique | length'
echo 'authors of all writes:'
# (A request that gh gave up before it was answered has no author.)
github saw | grep -E '^(POST|PATCH|DELETE) (api|uploads)[^ ]*: [1-9]' | grep -v graphql | sed 's/.* as \([^,]*\),.*/\1/' | sort -u | a_user

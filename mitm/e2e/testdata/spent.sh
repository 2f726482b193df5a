# One credential has nothing left: the other does the work, and nobody notices. GitHub is
# not asked with the first again.
github budget octo-bot core 5000
gh api repos/acme/api --jq .full_name
gh api repos/acme/web --jq .full_name
github saw

# GraphQL, whose refusal is a 200, and where a client has a credential of its own.
one=$(gh api graphql -f query='{viewer{login}}' --jq .data.viewer.login)
github forget
github budget "$one" graphql 5000
gh api graphql -f query='{viewer{login}}' --jq .data.viewer.login | sed "s/$one/ONE/; s/octo-bot\|hubot/THE OTHER/"
gh issue list -R acme/web --json number --jq 'length'
github saw | sed "s/$one/ONE/; s/as octo-bot\|as hubot/as THE OTHER/"

# What is told of the budget is the pool's, coherent everywhere.
gh api rate_limit --jq '.resources.core | .limit, .used + .remaining, (.remaining > 4900)'
gh api rate_limit --jq '.resources.core == .rate'
curl --suppress-connect-headers -s -I -H "Authorization: token $CI" https://api.github.com/repos/acme/web | tr -d '\r' | sort |
	sed -nE 's/^x-ratelimit-(limit|remaining|used): //p' >header
gh api rate_limit --jq '.resources.core | .limit, .remaining, .used' >body
cmp header body && echo coherent

# Neither has: tools are told in the words they know, with the time when it comes back.
for login in octo-bot hubot; do
	github budget $login core 5000
	github budget $login graphql 5000
done
told() { sed -E 's/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z/TIME/'; }
fails gh api repos/acme/api 2>&1 >/dev/null | told
fails gh api repos/acme/api 2>&1 >/dev/null | grep -o 'until .*Z' | sed 's/until //' >reset
at=$(date -d "$(cat reset)" +%s)
test "$at" -gt "$(date +%s)" && test "$at" -le "$(($(date +%s) + 3600))" && echo 'a reset within the hour'
fails gh issue list -R acme/web 2>&1 | told
github saw | sed 's/octo-bot\|hubot/THE OTHER/'
curl --suppress-connect-headers -s -D header -o /dev/null -H "Authorization: token $CI" https://api.github.com/repos/acme/api
tr -d '\r' <header | sort | grep -iE '^(HTTP|x-ratelimit-(limit|remaining|used|resource))'
test "$(tr -d '\r' <header | sed -n 's/^x-ratelimit-reset: //p')" = "$at" && echo 'the same reset'
gh api rate_limit --jq '.resources | .core.remaining, .graphql.remaining, .search.remaining'
gh api rate_limit --jq '.resources.core.reset' | sed "s/$at/the same reset/"
gh api -i rate_limit | tr -d '\r' | grep -i '^x-ratelimit-remaining'
github saw

# git does not ask the API, and goes on.
gh auth setup-git
git ls-remote https://github.com/acme/api main | cut -f2

# And when GitHub has refilled it, all is as before.
github budget hubot core 0
restart TERM
gh api repos/acme/api --jq .full_name

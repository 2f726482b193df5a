# What is read again costs nothing, whoever reads it and with which credential; what has
# changed costs one point, and everybody sees the change at once.
reads() {
	gh api repos/acme/api --jq .stargazers_count
	gh api repos/acme/api/issues --jq length
	gh api 'repos/acme/api/issues?state=closed' --jq length
	gh api repos/acme/api/releases/latest --jq .tag_name
	gh api repos/acme/api/contents/README.md --jq .name
	gh api orgs/acme --jq .login
}
as ci
reads
github cost

# Another client, and then another credential too, since the first has nothing left.
as ops
reads
github cost
github budget octo-bot core 5000
reads
github saw

# A change: the first who asks pays for all.
github touch acme/api
as ci
reads
as ops
reads
github cost

# Tools that ask for the same share it, whatever else they say.
curl -s -o /dev/null -H "Authorization: Bearer $CI" https://api.github.com/repos/acme/api
curl -s -o /dev/null --http1.1 --compressed -A Renovate -H "Authorization: token $OPS" https://api.github.com/repos/acme/api
curl -s -I -o /dev/null -u ":$OPS" https://api.github.com/repos/acme/api
github cost

# octopool's own count is GitHub's.
curl -s "$ADMIN/metrics" | grep -E '^octopool_points_(spent|saved)_total' | grep -v 'client="-"' | sort

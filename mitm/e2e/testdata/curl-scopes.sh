# Client reader may read /repos/acme/web and what is below. It is refused all else here,
# however it is spelled, and GitHub is not asked.
auth="Authorization: token $READER"
api=https://api.github.com
for path in /repos/acme/web /REPOS/Acme/WEB /repos/acme/web/issues '/repos/acme/web/issues?per_page=1' /repos/acme/w%65b; do
	printf '%s %s\n' "$path" "$(code -H "$auth" "$api$path")"
done
github forget
for path in /repos/acme/api /repos/acme/web-secret /repos/acme /repos/acme/web%2fsecret /user /rate_limit/../user \
	/repos/acme/web/../api /repos/acme/web/%2e%2e/api /repos/acme/web/%2E./api /repos/acme//api //repos/acme/api \
	/repos/acme/web%2f..%2fapi '/repos/acme/web\..\api' /repos/acme/web/%00 /repos/acme/web/%252e%252e/api \
	/api/v3/repos/acme/api /graphql '/repos/acme/api?x=/repos/acme/web' '/repos/acme/api;/repos/acme/web' '/repos/acme/api%3f/acme/web'; do
	printf '%s %s\n' "$path" "$(code --path-as-is -H "$auth" "$api$path")"
done
for method in POST PATCH DELETE PUT LOCK get; do
	echo "$method $(code -X $method -H "$auth" $api/repos/acme/web)"
done
echo "override $(code -X POST -H 'X-HTTP-Method-Override: GET' -H "$auth" $api/repos/acme/web)"
echo "upload $(code -X POST -H "$auth" 'https://uploads.github.com/repos/acme/web/releases/1/assets?name=x' -d x)"
echo "archive $(code -H "$auth" https://codeload.github.com/acme/api/tar.gz/main)"
echo "raw $(code -H "$auth" https://raw.githubusercontent.com/acme/api/main/README.md)"
echo "page $(code -H "$auth" https://github.com/acme/web/settings)"
github saw

# By number only the name behind it is asked for, by octopool itself.
number=$(gh api repos/acme/api --jq .id)
github forget
echo "number $(code -H "$auth" $api/repositories/$number)"
echo "below $(code -H "$auth" $api/repositories/$number/issues)"
own=$(gh api repos/acme/web --jq .id)
echo "own number $(code -H "$auth" $api/repositories/$own/issues)"

# The refusal says who may not do what, and does not look like a rate limit.
curl --suppress-connect-headers -s -D header -H "$auth" $api/repos/acme/api
echo
grep -iE '^(HTTP|x-ratelimit-remaining|retry-after|cache-status)' header | tr -d '\r' | sed 's/remaining: [1-9][0-9]*/remaining: something/'

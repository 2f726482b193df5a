# Three GitHubs behind one octopool, with an acme of its own each: github.com, an Enterprise
# Server, and a tenant of ghe.com.
auth="Authorization: token $CI"
com=https://api.github.com ghes=https://ghe.example/api/v3 tenant=https://api.acme.ghe.com
GH_ENTERPRISE_TOKEN=$CI && export GH_ENTERPRISE_TOKEN
on_ghes() { GH_HOST=ghe.example "$@"; }

# Each is asked with its own credential.
gh api user --jq .login | sed 's/octo-bot\|hubot/a user/'
on_ghes gh api user --jq .login
curl -s -H "$auth" $tenant/user | grep -o '"login": "[^"]*"'
github saw | sed 's/octo-bot\|hubot/a user/'

# gh on the Enterprise Server: REST, pages, GraphQL.
on_ghes gh api repos/acme/api --jq .url
on_ghes gh api --paginate repos/acme/api/issues --jq length
on_ghes gh issue list -R acme/api --limit 2
on_ghes gh issue create -R acme/api --title 'From gh' --body ''
curl --suppress-connect-headers -s -D - -o page -H "$auth" "$tenant/repos/acme/api/issues?per_page=20" | tr -d '\r' | grep -i '^link:' | tee link
curl -s -H "$auth" "$(sed 's/.*<\([^>]*\)>; rel="next".*/\1/' link)" | grep -o '"title": "Trouble 1 [^"]*"'

# The same path and the same bytes on all three: each is asked for, and kept, by itself.
github forget
for api in $com $ghes $tenant $com $ghes $tenant; do
	curl -s -H "$auth" $api/repos/acme/web/topics | tr -d ' \n' && echo
done
github saw | sed 's/octo-bot\|hubot/a user/'

# A server without limits tells of none, and there is nothing to ask about.
curl --suppress-connect-headers -s -D - -o answer -H "$auth" $ghes/repos/acme/web | tr -d '\r' | grep -icE '^x-ratelimit|^retry-after' || true
fails on_ghes gh api rate_limit --jq .rate.limit 2>&1
curl -s -H "$auth" $tenant/rate_limit | grep -A1 '"core"' | grep -o '"limit": [0-9]*'
curl -s -H "$auth" -I $ghes/meta | tr -d '\r' | grep -i '^x-github-enterprise-version'

# git, with the token that gh gives it.
gh auth setup-git
on_ghes gh auth setup-git
GH_HOST=acme.ghe.com gh auth setup-git
for host in github.com ghe.example acme.ghe.com; do
	git clone -q "https://$host/acme/api" "$host" && cat "$host/README.md"
done
cd ghe.example && git commit -q --allow-empty -m 'From git' && git push -q && cd ..

# Files: up, down, archives, raw. What is signed gets no credential, whoever sent one.
head -c 1000000 /dev/zero >zeros
on_ghes gh release upload v1.0 zeros -R acme/api
on_ghes gh release download v1.0 -R acme/api --dir down && cmp zeros down/zeros && cat down/notes.txt
github forget
on_ghes gh release download v1.0 -R acme/api --archive tar.gz --dir down
tar tzf down/*.tar.gz | sed 's/acme-api-[0-9a-f]*/acme-api-SHA/; s/api-1.0/acme-api-SHA/'
github saw | grep -v graphql | sort # by which gh looks for a draft meanwhile, and may give that up
curl -sL -H "$auth" --location-trusted $tenant/repos/acme/api/tarball/main -o t.tar.gz -w '%{http_code} %{num_redirects}\n'
github saw
curl -s -H "$auth" https://ghe.example/raw/acme/api/main/README.md
curl -s -H "$auth" https://raw.acme.ghe.com/acme/api/main/README.md

# A scope is for one of them, under whatever name or number.
here=$(gh api repos/acme/web --jq .id) there=$(on_ghes gh api repos/acme/web --jq .id)
auth="Authorization: token $READER"
code -H "$auth" $com/repos/acme/web/topics
code -H "$auth" $ghes/repos/acme/web
code -H "$auth" $tenant/repos/acme/web
code -H "$auth" "$com/repositories/$here/topics"
code -H "$auth" "$ghes/repositories/$there/topics"
as reader && GH_ENTERPRISE_TOKEN=$READER
git clone -q https://ghe.example/acme/api r1 && echo 'cloned'
fails git clone -q https://acme.ghe.com/acme/api r2 2>&1
fails git clone -q https://github.com/acme/api r3 2>&1

# What is spent on one is not on another.
auth="Authorization: token $CI"
for login in octo-bot hubot; do github budget $login core 5000; done
code -H "$auth" $com/repos/acme/web/branches
code -H "$auth" $ghes/repos/acme/web/branches
code -H "$auth" $tenant/repos/acme/web/branches

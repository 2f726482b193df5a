# Redirects lead on to other hosts. Those of GitHub that octopool knows get a
# credential, signed URLs elsewhere are their own.
auth="Authorization: token $CI"
api=https://api.github.com
id=$(gh api repos/acme/api/releases/tags/v2.0 --jq '.assets[0].id')
github forget
curl -sL -H "$auth" -H 'Accept: application/octet-stream' -o api.bin -w '%{http_code} %{num_redirects} %{size_download}\n' $api/repos/acme/api/releases/assets/$id
directly curl -sL -H "Authorization: token $BOT" -H 'Accept: application/octet-stream' -o direct.bin $api/repos/acme/api/releases/assets/$id
cmp api.bin direct.bin
github saw | sed 's/[0-9]*: /N: /; s/octo-bot\|hubot/a user/'

# The web's download address, with the token in a netrc as curl's users have it.
printf 'machine github.com login x password %s\n' "$CI" >"$HOME/.netrc"
curl -sL -n -o web.bin -w '%{http_code} %{num_redirects}\n' https://github.com/acme/api/releases/download/v2.0/api.bin
cmp web.bin direct.bin

# Archives.
curl -sL -H "$auth" -o a.tar.gz -w '%{http_code} %{num_redirects}\n' $api/repos/acme/api/tarball/main
tar tzf a.tar.gz | sed 's/acme-api-[0-9a-f]*/acme-api-SHA/'
curl -s -H "$auth" -o b.tar.gz -w '%{http_code}\n' https://codeload.github.com/acme/api/tar.gz/main
tar tzf b.tar.gz
curl -s -H "$auth" https://raw.githubusercontent.com/acme/api/main/README.md

# A repository that has moved: the redirect is within the API and goes by number.
github rename acme/api acme/backend
curl --suppress-connect-headers -s -o /dev/null -D - -H "$auth" $api/repos/acme/api | tr -d '\r' | grep -iE '^(HTTP|location)'
curl -sL -H "$auth" $api/repos/acme/api | grep -o '"full_name": "[^"]*"'
gh api repos/acme/api --jq .full_name
gh auth setup-git
git clone -q https://github.com/acme/api moved
cat moved/README.md

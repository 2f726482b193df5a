# exec runs a program with everything set, in a shell that knows nothing of octopool:
# through the one that runs, if it is told a client's token.
clean() {
	env -i PATH="$PATH" HOME="$HOME" GIT_CONFIG_NOSYSTEM=1 SSL_CERT_FILE="$GITHUB_CA" "$@" 2>"$HOME/err" && return
	echo "status $?"
	grep -v 'INFO: metrics' "$HOME/err" || true
}
through() { clean OCTOPOOL_TOKEN="$CI" octopool exec --config "$CONFIG" -- "$@"; }
through gh api repos/acme/api --jq .full_name
through git clone -q https://github.com/acme/api api
cat api/README.md
through gh release download v1.0 -R acme/web -p web.js -O -
github forget
through curl -s -o body -H 'Accept: */*' -u ":$CI" https://api.github.com/repos/acme/api
github cost
through sh -c 'exit 7'

# Without a token it runs one of its own for the time of the program, as a registered
# client, if it has the secrets.
alone() { clean BOT_PAT="$BOT" HUB_PAT="$BOT" octopool exec --config "$CONFIG" --client "$@"; }
alone ci -- gh api repos/acme/api --jq .full_name
alone ci -- git clone -q https://github.com/acme/api again
cat again/README.md
alone ci -- sh -c 'echo "the secret that the program sees: ${BOT_PAT-none}"'
alone reader -- sh -c 'gh api repos/acme/api >/dev/null'
alone unheard-of -- true

package conformance

// What the sessions below begin with: the token in a header. octopool's plain
// listener and GitHub's answer in other versions of HTTP.
const bearer = `-H "Authorization: Bearer $GITHUB_TOKEN"`

// curlRows are curl's, whose name makes GitHub indent its JSON.
func curlRows() []row {
	return []row{
		{client: "curl", title: "a repository", base: true, script: `curl -sS ` + bearer + ` $API/repos/acme/api`},
		{client: "curl", title: "its headers", base: true, script: `curl -sSi --http1.1 --suppress-connect-headers ` + bearer + ` $API/repos/acme/api -o /dev/null -D - | LC_ALL=C sort -f`},
		{client: "curl", title: "a page of a list, and the next", base: true, script: `next=$(curl -sS ` + bearer + ` -D - -o /dev/null "$API/repos/acme/api/issues?per_page=5" | tr -d '\r' | sed -n 's/^link: .*<\([^>]*\)>; rel="next".*/\1/Ip'); curl -sS ` + bearer + ` "$next"`},
		{client: "curl", title: "HEAD", base: true, script: `curl -sSI --http1.1 --suppress-connect-headers ` + bearer + ` $API/repos/acme/web/issues | LC_ALL=C sort -f`},
		{client: "curl", title: "-u NAME:TOKEN", base: true, script: `curl -sS -u "octo-bot:$GITHUB_TOKEN" $API/repos/acme/api/branches`},
		{client: "curl", title: "--compressed", base: true, script: `curl -sS --compressed ` + bearer + ` $API/repos/acme/api/issues`},
		{client: "curl", title: "its ETag sent back", base: true, script: `curl -sS ` + bearer + ` --etag-save tag $API/repos/acme/api -o one; curl -sS ` + bearer + ` --etag-compare tag $API/repos/acme/api -w '%{http_code} %{size_download}\n'`},
		{client: "curl", title: "lines of it, as scripts cut them", base: true, script: `curl -sS ` + bearer + ` $API/repos/acme/web/releases/latest | grep browser_download_url | cut -d '"' -f 4`},
		{client: "curl", title: "rate limits", base: true, script: `curl -sS ` + bearer + ` $API/rate_limit | grep -A1 '"core"'`},
		{client: "curl", title: "a media type", base: true, script: `curl -sS ` + bearer + ` -H 'Accept: application/vnd.github.raw' $API/repos/acme/api/contents/README.md; curl -sS ` + bearer + ` -H 'Accept: application/vnd.github.diff' $API/repos/acme/web/pulls/3`},
		{client: "curl", title: "an API version", base: true, script: `for v in 2022-11-28 2026-03-10 1999-01-01; do curl -sS ` + bearer + ` -H "X-GitHub-Api-Version: $v" $API/repos/acme/api/issues/1; done`},
		{client: "curl", title: "what is not there", fails: true, base: true, script: `curl -sS --fail-with-body ` + bearer + ` $API/repos/acme/vault`},
		{client: "curl", title: "POST", base: true, script: `curl -sS ` + bearer + ` $API/repos/acme/api/issues -d '{"title":"New"}'; curl -sS ` + bearer + ` $API/repos/acme/api/issues -d '{"title":'`},
		{client: "curl", title: "GraphQL", base: true, script: `curl -sS ` + bearer + ` $API/graphql -d '{"query":"{repository(owner:\"acme\",name:\"api\"){name}}"}'`},
		{client: "curl", title: "a tarball, following redirects", base: true, script: `curl -sSL ` + bearer + ` $API/repos/acme/api/tarball | tar xzO`},
		{client: "curl", title: "a release's file by the API", script: `id=$(curl -sS ` + bearer + ` $API/repos/acme/api/releases/latest | sed -n 's,.*releases/assets/\([0-9]*\)".*,\1,p'); curl -sSL ` + bearer + ` -H 'Accept: application/octet-stream' $API/repos/acme/api/releases/assets/$id | sha256sum`},
		{client: "curl", title: "a release's file by the web", script: `curl -sSL https://github.com/acme/web/releases/download/v1.0/web.js`},
		{client: "curl", title: "part of a file", script: `curl -sSL -r 8-14 https://github.com/acme/web/releases/download/v1.0/web.js`},
		{client: "curl", title: "an upload", script: `id=$(curl -sS ` + bearer + ` $API/repos/acme/web/releases/latest | sed -n 's,.*"assets_url": *"[^"]*/releases/\([0-9]*\)/assets".*,\1,p'); echo up >up.txt; curl -sS ` + bearer + ` -H 'Content-Type: text/plain' --data-binary @up.txt "https://uploads.github.com/repos/acme/web/releases/$id/assets?name=up.txt"`},
		{client: "curl", title: "a raw file", script: `curl -sS ` + bearer + ` https://raw.githubusercontent.com/acme/api/main/README.md; curl -sS https://raw.githubusercontent.com/acme/web/main/src/main.js`},
		{client: "curl", title: "no token", base: true, script: `for r in web api; do curl -sS -o /dev/null -w '%{http_code} ' $API/repos/acme/$r; done`,
			differs: map[column]difference{atBaseURL: {"refused: a base URL is for clients, who have a token", "200 404", "401 401"}}},
		{client: "curl", title: "no token, in full", script: `curl -sS https://api.github.com/repos/acme/web; curl -sS https://api.github.com/repos/acme/api`},
	}
}

// wgetRows are wget's, which reads the proxy's variable in lower case only and sends
// credentials when it is asked for them, or in a header.
func wgetRows() []row {
	const quiet = `wget -nv -O - --ca-certificate "$SSL_CERT_FILE" --header "Authorization: token $GITHUB_TOKEN" `
	return []row{
		{client: "wget", title: "a repository", base: true, script: quiet + `$API/repos/acme/api 2>/dev/null`},
		{client: "wget", title: "what is not there", fails: true, base: true, script: `wget -q --content-on-error -O - --ca-certificate "$SSL_CERT_FILE" --header "Authorization: token $GITHUB_TOKEN" $API/repos/acme/vault`},
		{client: "wget", title: "a file of a release", script: `wget -q --ca-certificate "$SSL_CERT_FILE" https://github.com/acme/web/releases/download/v1.0/web.js; ls; cat *`},
		{client: "wget", title: "an archive", script: `wget -q --ca-certificate "$SSL_CERT_FILE" https://github.com/acme/web/archive/refs/tags/v1.0.tar.gz; tar tzf *`},
		{client: "wget", title: "a raw file", script: `wget -q -O - --ca-certificate "$SSL_CERT_FILE" --header "Authorization: token $GITHUB_TOKEN" https://raw.githubusercontent.com/acme/api/main/README.md`},
	}
}

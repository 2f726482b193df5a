package door

import (
	"os"
	"strings"
	"testing"

	"octopool/mitm/config"
)

// issues is what testdata/issues.mjs prints.
const issues = "Endpoint 5 answers too late\nEndpoint 4 answers too late\nEndpoint 3 answers too late\nEndpoint 2 answers too late\nEndpoint 1 answers too late\nocto-bot\n"

// The example of github-proxy's README works with only the port changed, and so do its
// users' other ways: below /api/v3, GraphQL, and pages.
func TestCurlByABaseURL(t *testing.T) {
	t.Parallel()
	h := newHouse(t, asItComes)
	port := h.base()[strings.LastIndexByte(h.base(), ':')+1:]
	h.prints("Keep it logically awesome.", `curl -sS -H "Authorization: token ${CLIENT_TOKEN}" http://localhost:`+port+`/zen`, "CLIENT_TOKEN="+ciToken)
	h.prints("Keep it logically awesome.", `curl -sS -u ":$CI" $BASE/api/v3/zen`)
	h.prints(`{"data":{"viewer":{"login":"octo-bot"}}}`, `curl -sS -H "Authorization: bearer $CI" -d '{"query":"{viewer{login}}"}' $BASE/api/graphql | tr -d ' \n'`)
	h.prints("<"+h.base()+"/api/v3/repositories/", `curl -sS -o /dev/null -D - -H "Authorization: token $CI" "$BASE/api/v3/repos/acme/api/issues?per_page=2" | sed -n 's,^Link: \(.*\)/repositories/.*per_page=2&page=2>; rel="next".*,\1/repositories/,p' | tr -d '\n'`)
	h.prints("401\n403\n", `
		curl -s -o /dev/null -w '%{http_code}\n' $BASE/zen
		curl -s -o /dev/null -w '%{http_code}\n' -H "Authorization: token $CI" -H 'Origin: https://evil.example' $BASE/zen`)
}

// octokit follows our pages by a base URL, of either kind.
func TestOctokitByABaseURL(t *testing.T) {
	t.Parallel()
	h := newHouse(t, asItComes)
	h.needNode()
	h.prints(issues, `node testdata/issues.mjs base "$BASE"`)
	h.prints(issues, `node testdata/issues.mjs base "$BASE/api/v3"`)
	for _, seen := range h.github.Seen() {
		if seen.Login != "octo-bot" || seen.Host != "api.github.com" || strings.HasPrefix(seen.Path, "/api/") {
			t.Errorf("GitHub saw %v", seen)
		}
	}
}

func (h *house) needNode() {
	h.t.Helper()
	if os.Getenv("OCTOPOOL_NODE_MODULES") == "" {
		h.t.Fatal("OCTOPOOL_NODE_MODULES is not set: scripts/test installs octokit and sets it")
	}
}

// Where there is TLS gh takes octopool for an Enterprise Server, which is its base URL.
func TestGHByABaseURL(t *testing.T) {
	t.Parallel()
	h := newHouse(t, behindTLS)
	host := strings.TrimPrefix(h.base(), "https://")
	environ := []string{"GH_HOST=" + host, "GH_ENTERPRISE_TOKEN=" + ciToken, "SSL_CERT_FILE=" + h.folder + "/proxy.pem"}
	h.prints("acme/api\n", `gh api repos/acme/api --jq .full_name`, environ...)
	h.prints("5\n", `gh api --paginate 'repos/acme/api/issues?per_page=2' --jq '.[].number' | wc -l`, environ...)
	h.prints("octo-bot\n", `gh api graphql -f query='{viewer{login}}' --jq .data.viewer.login`, environ...)
}

// curl, gh, octokit and git name the client in the proxy's URL, and need no token of their own;
// one that octopool does not know gives way. git answers the proxy's challenge.
func TestProgramsThatNameTheClientInTheProxysURL(t *testing.T) {
	t.Parallel()
	for _, door := range []func(*house, *config.Settings){asItComes, closed} {
		h := newHouse(t, door)
		h.needNode()
		h.prints("200\n", `curl -sS -o /dev/null -w '%{http_code}\n' -x "$NAMED" https://api.github.com/repos/acme/api`)
		h.prints("200\n", `curl -sS -o /dev/null -w '%{http_code}\n' -x "$NAMED" -H "Authorization: token `+nobodys+`" https://api.github.com/repos/acme/api`)
		h.prints("acme/api\n", `HTTPS_PROXY=$NAMED GH_TOKEN=`+nobodys+` gh api repos/acme/api --jq .full_name`)
		h.prints(issues, `HTTPS_PROXY=$NAMED node testdata/issues.mjs proxy`)
		h.prints(issues, `HTTPS_PROXY=$NAMED TOKEN=`+nobodys+` node testdata/issues.mjs proxy`)
		h.prints("# api\n", `git -c http.proxyAuthMethod=basic -c http.proxy="$NAMED" clone -q https://github.com/acme/api basic; head -n 1 basic/README.md`)
		h.fails("407", `curl -sS -x "$NOBODY" https://api.github.com/zen`)
		h.fails("", `git -c http.proxyAuthMethod=basic -c http.proxy="$NOBODY" ls-remote https://github.com/acme/web`)
	}
}

// Where a client must be named, git sends what its proxy's URL holds once it was asked to, and
// who names none gets no further, to any host.
func TestAClosedDoor(t *testing.T) {
	t.Parallel()
	h := newHouse(t, closed)
	h.prints("# api\n", `HTTPS_PROXY=$NAMED git clone -q https://github.com/acme/api; head -n 1 api/README.md`)
	h.prints("", `HTTPS_PROXY=$NAMED; export HTTPS_PROXY; cd api; git -c user.name=T -c user.email=t@example.com commit -q --allow-empty -m 'Say nothing'; git push -q origin HEAD:refs/heads/quiet`)
	h.fails("407", `HTTPS_PROXY=$BASE git ls-remote https://github.com/acme/web`)
	h.fails("407", `HTTPS_PROXY=$NOBODY git ls-remote https://github.com/acme/web`)
	for _, host := range []string{"https://api.github.com/zen", "https://example.com/", "https://127.0.0.1/"} {
		h.fails("407", `curl -sS -x "$BASE" -H "Authorization: token $CI" `+host)
	}
	h.fails("Proxy Authentication Required", `HTTPS_PROXY=$BASE GH_TOKEN=$CI gh api zen`)
	h.prints("octopool\n", `curl -sS $BASE/-/healthz`)
	for _, seen := range h.github.Seen() {
		if strings.HasPrefix(seen.Path, "/acme/web") || seen.Path == "/zen" {
			t.Errorf("GitHub saw %v", seen)
		}
	}
}

// A proxy that is TLS itself is https:// to programs, which check its certificate.
func TestAProxyBehindTLS(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(h *house, s *config.Settings) { behindTLS(h, s); closed(h, s) })
	if !strings.HasPrefix(h.where.ProxyURL, "https://127.0.0.1:") {
		t.Errorf("programs are told of %s", h.where.ProxyURL)
	}
	h.prints("200\n", `curl -sS -o /dev/null -w '%{http_code}\n' -x "$NAMED" --proxy-cacert "$CERT" https://api.github.com/repos/acme/api`)
	h.prints("2 200\n", `curl -sS -o /dev/null -w '%{http_version} %{http_code}\n' -x "$NAMED" --proxy-insecure https://api.github.com/repos/acme/api`)
	h.fails("certificate", `curl -sS -x "$NAMED" https://api.github.com/repos/acme/api`)
	h.fails("407", `curl -sS -x "$BASE" --proxy-cacert "$CERT" https://api.github.com/repos/acme/api`)
	h.prints("acme/api\n", `cat "$SSL_CERT_FILE" "$CERT" >both.pem; HTTPS_PROXY=$NAMED SSL_CERT_FILE=$PWD/both.pem GH_TOKEN=`+nobodys+` gh api repos/acme/api --jq .full_name`)
	h.prints("# api\n", `HTTPS_PROXY=$NAMED git -c http.proxySSLCAInfo="$CERT" clone -q https://github.com/acme/api; head -n 1 api/README.md`)
}

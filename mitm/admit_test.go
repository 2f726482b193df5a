package mitm_test

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"octopool/mitm"
	"octopool/policy"
)

// stranger looks like a token of GitHub's, and is nobody's.
const strangerToken = "ghp_0123456789012345678901234567890123456789"

// naming makes a client name itself in its proxy's URL.
func naming(name, token string) func(*http.Transport) {
	return func(t *http.Transport) {
		at, err := t.Proxy(nil)
		if err != nil {
			panic(err)
		}
		u := *at
		u.User = url.UserPassword(name, token)
		t.Proxy = http.ProxyURL(&u)
	}
}

// proxyAuth is a Proxy-Authorization as tools make it of a proxy's URL.
func proxyAuth(name, token string) string {
	return "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+token)) + "\n"
}

// The client that a proxy's URL names is whose every request is that carries no registered
// token of its own: none, one of GitHub's, or one that cannot be read.
func TestTheProxysURLNamesTheClient(t *testing.T) {
	for _, unknown := range []string{"reject", "passthrough"} {
		s := start(t, withRules(func(r *policy.Rules) { r.Unknown = unknown }), withScopes("read /repos/acme/web/**"))
		for proto, h1 := range map[string][]func(*http.Transport){"HTTP/2.0": nil, "HTTP/1.1": {overHTTP1}} {
			c := s.client("", append(h1, naming("ops", opsToken))...)
			for _, own := range []string{"", "token " + strangerToken, "Basic %%%", "Bearer", "token ghp_bot"} {
				var headers []string
				if own != "" {
					headers = []string{"Authorization", own}
				}
				if got := get(t, c, "https://api.github.com/repos/acme/api", headers...); got.status != http.StatusOK || got.proto != proto {
					t.Errorf("%s, unknown = %s, Authorization %q: %s", proto, unknown, own, got.text())
				}
			}
			// A registered token of its own is who the request is: ci may not see acme/api.
			if got := get(t, c, "https://api.github.com/repos/acme/api", "Authorization", "token "+ciToken); got.refusal() != refusedText(403, "octopool: client ci may not GET /repos/acme/api") {
				t.Errorf("%s, a registered token: %s", proto, got.refusal())
			}
			// Who is named has its own scopes.
			if got := get(t, s.client("", append(h1, naming("x", ciToken))...), "https://api.github.com/repos/acme/api"); got.refusal() != refusedText(403, "octopool: client ci may not GET /repos/acme/api") {
				t.Errorf("%s, named ci: %s", proto, got.refusal())
			}
		}
		for _, seen := range s.github.Seen() {
			if seen.Login != "octo-bot" || seen.Header.Get("Proxy-Authorization") != "" {
				t.Errorf("GitHub saw %v %v", seen, seen.Header)
			}
		}
		for _, secret := range []string{ciToken, opsToken, strangerToken} {
			if found := s.github.Contains(secret); found != nil {
				t.Error(found)
			}
			if strings.Contains(s.logged(), secret) {
				t.Errorf("the log holds a token:\n%s", s.logged())
			}
		}
		if !strings.Contains(s.logged(), "client=ops ") || !strings.Contains(s.metrics(), `octopool_requests_total{client="ops",`) {
			t.Error("neither log nor metrics know client ops")
		}
	}
}

// A token in the place of the user is enough, and what the user is called is of no account.
func TestFormsOfProxyCredentials(t *testing.T) {
	s := start(t, withDoor(mitm.Door{RequireAuth: true}))
	basic := func(text string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(text)) }
	for value, want := range map[string]int{
		basic("ci:" + ciToken): 200, basic("anybody:" + ciToken): 200, basic(":" + ciToken): 200, basic(ciToken + ":"): 200, "bearer " + ciToken: 200,
		basic(ciToken): 407, basic("ci:" + ciToken + "x"): 407, basic("ci:"): 407, basic("ci:ci"): 407, basic(ciToken + ":ci"): 407, "Basic": 407, "Basic ": 407,
		"Basic !": 407, "": 407, ciToken: 407, "Negotiate " + ciToken: 407, basic("bot:ghp_bot"): 407,
		basic("ci:"+ciToken) + "\nProxy-Authorization: " + basic("ci:"+ciToken): 407,
	} {
		w := s.wire(t)
		w.say("CONNECT api.github.com:443 HTTP/1.1\nHost: x\nProxy-Authorization: " + value + "\n\n")
		if got := w.hear(http.MethodConnect); got.status != want {
			t.Errorf("%q: %s", value, got.text())
		}
	}
}

// Who requires it lets nobody in without, wherever they want to go, and says so as a proxy
// does; what is octopool's own stays open.
func TestRequireAuth(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Proxy-Authorization") != "" {
			t.Error("the host saw the proxy's credentials")
		}
	}))
	t.Cleanup(web.Close)
	host := strings.TrimPrefix(web.URL, "http://")
	s := start(t, withDoor(mitm.Door{RequireAuth: true, BaseURL: true}), anywhere)
	const body = `{"message":"octopool: MESSAGE","documentation_url":"https://docs.github.com/rest","status":"407"}`
	const refused = "407\nProxy-Authenticate: Basic realm=\"octopool\"\nContent-Type: application/json; charset=utf-8\nCache-Status: octopool; detail=refused\n" + body
	for _, who := range []struct{ header, why string }{
		{"", "this proxy is for registered clients: write its URL as http://NAME:TOKEN@HOST:PORT"},
		{proxyAuth("ci", strangerToken), "no client is registered with the token of the proxy's URL"},
	} {
		want := strings.Replace(refused, "MESSAGE", who.why, 1)
		for _, line := range []string{"CONNECT api.github.com:443", "CONNECT github.com:443", "CONNECT " + host, "CONNECT nowhere.example:22", "CONNECT not-a-target", "GET http://" + host + "/", "GET http://api.github.com/user"} {
			w := s.wire(t)
			w.say(line + " HTTP/1.1\nHost: x\nAuthorization: token " + ciToken + "\n" + who.header + "\n")
			if got := w.hear("GET").text("Proxy-Authenticate", "Content-Type", "Cache-Status"); got != want {
				t.Errorf("%s: %s\nwant %s", line, got, want)
			}
		}
	}
	for _, line := range []string{"CONNECT " + host, "GET http://" + host + "/"} {
		w := s.wire(t)
		w.say(line + " HTTP/1.1\nHost: x\n" + proxyAuth("ci", ciToken) + "\n")
		if got := w.hear(line[:strings.Index(line, " ")]); got.status != http.StatusOK {
			t.Errorf("%s with a token: %s", line, got.text())
		}
	}
	c := direct(t)
	if got := get(t, c, "http://"+s.addr+"/-/healthz"); got.status != http.StatusOK {
		t.Errorf("healthz: %s", got.text())
	}
	if got := get(t, c, "http://"+s.addr+"/-/ca.pem"); got.status != http.StatusOK {
		t.Errorf("ca.pem: %s", got.text())
	}
	if got := get(t, c, "http://"+s.addr+"/user", "Authorization", "token "+ciToken); got.status != http.StatusOK {
		t.Errorf("a base URL has its own token: %s", got.text())
	}
	if strings.Contains(s.logged(), strangerToken) || strings.Contains(s.logged(), ciToken) || strings.Contains(s.logged(), "Basic ") {
		t.Errorf("the log holds a token:\n%s", s.logged())
	}
	if !strings.Contains(s.metrics(), `octopool_refused_total{client="-",reason="proxy_auth"} 14`) {
		t.Errorf("metrics:\n%s", s.metrics())
	}
}

// Where nobody has to name a client, who names one that is none is told, and does not go on
// as somebody else.
func TestProxyCredentialsOfNobody(t *testing.T) {
	s := start(t)
	w := s.wire(t)
	w.say("CONNECT api.github.com:443 HTTP/1.1\nHost: x\n" + proxyAuth("ci", strangerToken) + "\n")
	if got := w.hear(http.MethodConnect); got.status != http.StatusProxyAuthRequired || !strings.Contains(got.body, "no client is registered with the token of the proxy's URL") {
		t.Error(got.text())
	}
	if !w.ended() {
		t.Error("the connection stays open")
	}
}

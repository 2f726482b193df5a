package admin

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"octopool/policy"
)

// purger is an octopool that forgets three answers of whatever it is asked for, and
// notes what that is.
func purger(token string) (c Config, asked *[]string) {
	asked = new([]string)
	c.Purge = func(p Pattern) (Purged, error) {
		if p.Host() == "ghe.example" {
			return Purged{}, errors.New("no such host")
		}
		*asked = append(*asked, p.String())
		return Purged{Purged: 3}, nil
	}
	if token != "" {
		c.Token = policy.NewSecret(token)
	}
	return c, asked
}

// post asks for a purge as a program of any kind may.
func post(t *testing.T, c Config, body string, headers ...string) (status int, answer string) {
	t.Helper()
	r := httptest.NewRequest("POST", "http://localhost/api/cache/purge", strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	Handler(c).ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// Only what says clearly what to forget forgets anything.
func TestPurge(t *testing.T) {
	const json = "application/json"
	const did = "{\n  \"purged\": 3,\n  \"errors\": 0\n}\n"
	for _, tt := range []struct {
		kind, body string
		status     int
		answer     string
		asked      []string
	}{
		{json, `{"pattern": "/repos/acme/**"}`, 200, did, []string{"/repos/acme/**"}},
		{json + "; charset=utf-8", ` {"pattern":"api.github.com/user","all":false} `, 200, did, []string{"api.github.com/user"}},
		{json, `{"all": true}`, 200, did, []string{""}},

		{"", `{"all": true}`, 415, "send JSON as application/json\n", nil},
		{"text/plain", `{"all": true}`, 415, "send JSON as application/json\n", nil},
		{"application/x-www-form-urlencoded", `{"all":true}=`, 415, "send JSON as application/json\n", nil},
		{"multipart/form-data; boundary=x", `{"all": true}`, 415, "send JSON as application/json\n", nil},

		{json, `{}`, 400, `name a pattern, {"pattern": "/repos/acme/**"}, or {"all": true}` + "\n", nil},
		{json, `{"pattern": ""}`, 400, `name a pattern, {"pattern": "/repos/acme/**"}, or {"all": true}` + "\n", nil},
		{json, `{"all": true, "pattern": "/user"}`, 400, "name a pattern or all, not both\n", nil},
		{json, `{"patern": "/user", "all": true}`, 400, `this is not JSON that asks for a purge: json: unknown field "patern"` + "\n", nil},
		{json, `{"all": true} {"all": true}`, 400, "this is not JSON that asks for a purge: more than one value\n", nil},
		{json, ``, 400, "this is not JSON that asks for a purge: EOF\n", nil},
		{json, `{"pattern": "/` + strings.Repeat("x", 64<<10) + `"}`, 400, "this is not JSON that asks for a purge: http: request body too large\n", nil},
		{json, `{"pattern": "/repos/acme/"}`, 400, `pattern "/repos/acme/" ends in a slash: write "/repos/acme" for this path, or "/repos/acme/**" for it and all below` + "\n", nil},
		{json, `{"pattern": "ghe.example/user"}`, 400, "no such host\n", nil},
	} {
		c, asked := purger("")
		if status, answer := post(t, c, tt.body, "Content-Type", tt.kind); status != tt.status || answer != tt.answer || !slices.Equal(*asked, tt.asked) {
			t.Errorf("%s %.60s: %d %s, %q were purged", tt.kind, tt.body, status, answer, *asked)
		}
	}
}

// Nobody without the token purges, whatever else is right or wrong.
func TestPurgeIsBehindTheToken(t *testing.T) {
	c, asked := purger("secret")
	for _, authorization := range []string{"", "Bearer wrong", "Basic secret"} {
		for _, kind := range []string{"application/json", "text/plain"} {
			if status, _ := post(t, c, `{"all": true}`, "Content-Type", kind, "Authorization", authorization); status != 401 {
				t.Errorf("%s, %s: %d", authorization, kind, status)
			}
		}
	}
	if status, _, _ := ask(t, c, "GET", "/api/cache", ""); status != 401 {
		t.Errorf("what is kept was told to anyone: %d", status)
	}
	if len(*asked) > 0 {
		t.Errorf("%q were purged", *asked)
	}
	if status, _ := post(t, c, `{"all": true}`, "Content-Type", "application/json", "Authorization", "Bearer secret"); status != 200 || len(*asked) != 1 {
		t.Errorf("with the token: %d", status)
	}
}

// A page of another site may not have its purge answered for, and no other method purges.
func TestPurgeIsNoLinkAndNoPreflight(t *testing.T) {
	c, asked := purger("")
	for _, method := range []string{"GET", "HEAD", "OPTIONS", "PUT", "DELETE"} {
		status, header, _ := ask(t, c, method, "/api/cache/purge", "")
		if status != http.StatusMethodNotAllowed || header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %d %v", method, status, header)
		}
	}
	if len(*asked) > 0 {
		t.Errorf("%q were purged", *asked)
	}
}

// What is asked for over a socket is what was done there.
func TestAskPurge(t *testing.T) {
	c, asked := purger("secret")
	server := httptest.NewServer(Handler(c))
	defer server.Close()
	token := policy.NewSecret("secret")
	issues, _ := ParsePattern("/repos/acme/web/issues")
	for _, p := range []Pattern{issues, {}} {
		if got, err := AskPurge(t.Context(), server.URL, token, p); err != nil || got != (Purged{Purged: 3}) {
			t.Errorf("%s: %v %v", p, got, err)
		}
	}
	if !slices.Equal(*asked, []string{"/repos/acme/web/issues", ""}) {
		t.Errorf("%q were purged", *asked)
	}
	elsewhere, _ := ParsePattern("ghe.example/user")
	if _, err := AskPurge(t.Context(), server.URL, token, elsewhere); err == nil || err.Error() != "no such host" {
		t.Errorf("a host that is not there: %v", err)
	}
	if _, err := AskPurge(t.Context(), server.URL, policy.NewSecret("wrong"), Pattern{}); err != ErrWrongToken {
		t.Errorf("a wrong token: %v", err)
	}
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("{}")) }))
	defer other.Close()
	if _, err := AskPurge(t.Context(), other.URL, token, Pattern{}); err == nil || err.Error() != other.URL+" answers, but is no octopool" {
		t.Errorf("something else: %v", err)
	}
	old := httptest.NewServer(http.NotFoundHandler())
	defer old.Close()
	if _, err := AskPurge(t.Context(), old.URL, token, Pattern{}); err == nil || err.Error() != old.URL+" answers with 404 Not Found: it is no octopool, or an older one" {
		t.Errorf("an older one: %v", err)
	}
}

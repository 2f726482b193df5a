package admin

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"octopool/policy"
)

// reloader counts how often it reads, and says each time what it has come to.
func reloader(token string, done Reloaded) (Config, *int) {
	c, read := Config{}, new(int)
	if token != "" {
		c.Token = policy.NewSecret(token)
	}
	c.Reload = func(context.Context) Reloaded { *read++; return done }
	return c, read
}

func askReload(t *testing.T, c Config, headers ...string) (int, string) {
	t.Helper()
	r := httptest.NewRequest("POST", "http://localhost/api/reload", strings.NewReader("{}"))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	Handler(c).ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func TestReloadTellsWhatHasChanged(t *testing.T) {
	c, _ := reloader("", Reloaded{Changed: []string{"client ci added"}, Restart: []string{}, Problems: []string{}})
	status, body := askReload(t, c, "Content-Type", "application/json")
	const want = `{
  "changed": [
    "client ci added"
  ],
  "restart": [],
  "problems": []
}
`
	if diff := cmp.Diff(want, body); status != http.StatusOK || diff != "" {
		t.Errorf("%d (-want +got):\n%s", status, diff)
	}
}

func TestReloadTellsWhatIsWrong(t *testing.T) {
	c, _ := reloader("", Reloaded{Changed: []string{}, Restart: []string{}, Problems: []string{"octopool.toml:3: <what>"}})
	status, body := askReload(t, c, "Content-Type", "application/json")
	const want = `{
  "changed": [],
  "restart": [],
  "problems": [
    "octopool.toml:3: <what>"
  ]
}
`
	if diff := cmp.Diff(want, body); status != http.StatusUnprocessableEntity || diff != "" {
		t.Errorf("%d (-want +got):\n%s", status, diff)
	}
}

// Neither a form of another site's page nor who has no token has anything read.
func TestReloadIsGuardedAsAPurgeIs(t *testing.T) {
	c, read := reloader("secret", Reloaded{})
	for _, tt := range []struct {
		status  int
		headers []string
	}{
		{401, []string{"Content-Type", "application/json"}},
		{401, []string{"Content-Type", "application/json", "Authorization", "Bearer wrong"}},
		{415, []string{"Authorization", "Bearer secret"}},
		{415, []string{"Authorization", "Bearer secret", "Content-Type", "application/x-www-form-urlencoded"}},
	} {
		if status, body := askReload(t, c, tt.headers...); status != tt.status {
			t.Errorf("%v: %d %s", tt.headers, status, body)
		}
	}
	for _, method := range []string{"GET", "HEAD", "OPTIONS", "PUT"} {
		if status, _, _ := ask(t, c, method, "/api/reload", "secret"); status != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d", method, status)
		}
	}
	if *read > 0 {
		t.Errorf("it was read %d times", *read)
	}
	if status, _ := askReload(t, c, "Authorization", "Bearer secret", "Content-Type", "application/json"); status != 200 || *read != 1 {
		t.Errorf("%d, read %d times", status, *read)
	}
}

// An octopool that was started without anything to read anew has no such path.
func TestNothingToReload(t *testing.T) {
	if status, _ := askReload(t, Config{}, "Content-Type", "application/json"); status != http.StatusNotFound {
		t.Errorf("%d", status)
	}
}

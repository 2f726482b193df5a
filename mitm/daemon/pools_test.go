package daemon

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"octopool/mitm/config"
	"octopool/policy"
	"octopool/policy/pool"
)

// TestAnAppServes from the first request: its installations are found and its tokens made
// by an octopool that runs, and it ends with that.
func TestAnAppServes(t *testing.T) {
	g := gitHub(t)
	g.AddRepo("acme/web", true)
	a := g.AddApp("octo-app")
	g.Install(a, "acme")
	s := settings(t, g)
	s.Credentials = []pool.Credential{{
		Name: "app", GitHub: "github.com", Pool: "default",
		App: pool.App{Issuer: a.ClientID(), Key: policy.NewSecret(string(a.PEM()))},
	}}
	d := start(t, s)
	c := client(t, d.Where())
	for range 2 {
		if status, body := get(t, c, "https://api.github.com/repos/acme/web", "client-token"); status != 200 || !strings.Contains(body, `"acme/web"`) {
			t.Errorf("%d %s", status, body)
		}
	}
	c.CloseIdleConnections()
	stop(t, d)
	var seen []string
	for _, one := range g.Seen() {
		seen = append(seen, fmt.Sprintf("%s %s %d by %q", one.Method, one.Path, one.Status, one.Login))
		if agent := one.Header.Get("User-Agent"); !strings.HasPrefix(agent, "octopool/") {
			t.Errorf("%s %s came from %q", one.Method, one.Path, agent)
		}
	}
	want := []string{
		`GET /app/installations 200 by ""`, `POST /app/installations/ID/access_tokens 201 by ""`,
		`GET /repos/acme/web 200 by "octo-app[bot]"`, `GET /repos/acme/web 304 by "octo-app[bot]"`,
	}
	for i := range seen {
		seen[i] = regexp.MustCompile(`installations/\d+`).ReplaceAllString(seen[i], "installations/ID")
	}
	if !slices.Equal(seen, want) {
		t.Errorf("GitHub saw\n%s\nwant\n%s", strings.Join(seen, "\n"), strings.Join(want, "\n"))
	}
}

// TestWarningsAreLogged when an octopool starts.
func TestWarningsAreLogged(t *testing.T) {
	s := settings(t, gitHub(t))
	s.Warnings = []string{"a key that everybody can read"}
	var log bytes.Buffer
	d, err := Start(s, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	stop(t, d)
	if !strings.Contains(log.String(), `level=WARN msg=configuration warning="a key that everybody can read"`) {
		t.Error(log.String())
	}
}

// TestARedisURLThatRedisRefuses has its place in the configuration, and is not repeated.
func TestARedisURLThatRedisRefuses(t *testing.T) {
	s := settings(t, gitHub(t))
	s.Cache.Backend, s.Cache.URL = "redis", policy.NewSecret("redis://:hunter2@127.0.0.1/first")
	_, err := Start(s, quiet())
	if p, ok := errors.AsType[config.Problem](err); !ok || p.Key != "cache.url" || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%v", err)
	}
}

// TestStopDoesNotWaitForGitHub: what the pools have asked of it is given up.
func TestStopDoesNotWaitForGitHub(t *testing.T) {
	g := gitHub(t)
	asked, release := make(chan struct{}), make(chan struct{})
	g.Intercept(func(http.ResponseWriter, *http.Request) bool {
		close(asked)
		<-release
		return false
	})
	a := g.AddApp("octo-app")
	s := settings(t, g)
	s.Credentials = []pool.Credential{{
		Name: "app", GitHub: "github.com", Pool: "default",
		App: pool.App{Issuer: fmt.Sprint(a.ID()), Key: policy.NewSecret(string(a.PEM()))},
	}}
	d := start(t, s)
	<-asked
	stop(t, d)
	close(release)
}

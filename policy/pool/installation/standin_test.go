package installation_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"octopool/mitm/githubtest"
	"octopool/policy"
	"octopool/policy/pool/installation"
)

// A world is a GitHub where it is noon, with acme's repositories web and api, and an App
// that is installed there. What a test says of this machine's clock is off from noon.
type world struct {
	*githubtest.Server
	app  *githubtest.App
	acme *githubtest.Installation
}

func newWorld(t *testing.T) *world {
	t.Helper()
	s := githubtest.New(githubtest.WithClock(func() time.Time { return noon }))
	t.Cleanup(s.Close)
	s.AddRepo("acme/web", true)
	s.AddRepo("acme/api", true)
	app := s.AddApp("octo-ci")
	return &world{s, app, s.Install(app, "acme")}
}

// signed is how octopool signs as the world's App, with what c says otherwise.
func (w *world) signed(t *testing.T, c installation.Config) *installation.App {
	t.Helper()
	if c.Issuer == "" {
		c.Issuer = w.app.ClientID()
	}
	if c.Key.IsZero() {
		c.Key = policy.NewSecret(string(w.app.PEM()))
	}
	c.Transport = w.Client().Transport
	c.UserAgent = "octopool/test"
	return newApp(t, c)
}

// status is what GitHub answers a request that carries a token.
func (w *world) status(t *testing.T, token installation.Token, method, path, body string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "https://api.github.com"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "token "+token.Text.Reveal())
	resp, err := w.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// seen is the log of the world, a line each.
func (w *world) seen() []string {
	var out []string
	for _, seen := range w.Seen() {
		out = append(out, fmt.Sprintf("%s %s%s %d as %s %s", seen.Method, seen.Host, seen.Path, seen.Status, seen.Principal, strings.TrimSpace(string(seen.Body))))
	}
	return out
}

// Whichever way an App is named and its key is written, GitHub mints, and the token
// opens what the installation covers. Each token costs one request, which says that it
// is octopool's.
func TestMint(t *testing.T) {
	w := newWorld(t)
	key := appKeyOf(t, w.app.PEM())
	for _, tt := range []struct {
		name string
		with installation.Config
	}{
		{"by client id", installation.Config{}},
		{"by app id", installation.Config{Issuer: strconv.FormatInt(w.app.ID(), 10)}},
		{"with a key in PKCS#8", installation.Config{Key: policy.NewSecret(pkcs8(t, key))}},
		{"with a key after a line of notes", installation.Config{Key: policy.NewSecret("octo-ci\n" + string(w.app.PEM()) + "\n")}},
		{"at an address with a slash", installation.Config{API: "https://api.github.com/"}},
	} {
		w.ResetSeen()
		token, err := w.signed(t, tt.with).Mint(t.Context(), w.acme.ID(), installation.Narrowing{})
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if text := token.Text.Reveal(); len(text) < 500 || strings.Count(text, ".") != 2 || !token.Expires.Equal(noon.Add(time.Hour)) {
			t.Errorf("%s: %d bytes until %s", tt.name, len(text), token.Expires)
		}
		want := []string{fmt.Sprintf("POST api.github.com/app/installations/%d/access_tokens 201 as app:%d {}", w.acme.ID(), w.app.ID())}
		if diff := cmp.Diff(want, w.seen()); diff != "" {
			t.Errorf("%s: GitHub saw\n%s", tt.name, diff)
		}
		header := w.Seen()[0].Header
		if diff := cmp.Diff([][]string{{"octopool/test"}, {"application/vnd.github+json"}}, [][]string{header["User-Agent"], header["Accept"]}); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
		if got := w.status(t, token, "GET", "/repos/acme/api", ""); got != 200 {
			t.Errorf("%s: the token gets %d", tt.name, got)
		}
	}
}

// A narrowed token opens what it was narrowed to and nothing else, by GitHub's own doing.
func TestMintNarrowed(t *testing.T) {
	w := newWorld(t)
	app := w.signed(t, installation.Config{})
	whole, err := app.Mint(t.Context(), w.acme.ID(), installation.Narrowing{})
	if err != nil {
		t.Fatal(err)
	}
	narrow, err := app.Mint(t.Context(), w.acme.ID(), installation.Narrowing{
		Repositories: []string{"web"}, Permissions: map[string]string{"contents": "read", "issues": "read"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		method, path, body string
		whole, narrow      int
	}{
		{"GET", "/repos/acme/web", "", 200, 200},
		{"GET", "/repos/acme/api", "", 200, 404},
		{"POST", "/repos/acme/web/issues", `{"title":"late"}`, 201, 403},
	} {
		for name, row := range map[string]struct {
			token installation.Token
			want  int
		}{"whole": {whole, tt.whole}, "narrow": {narrow, tt.narrow}} {
			if got := w.status(t, row.token, tt.method, tt.path, tt.body); got != row.want {
				t.Errorf("%s: %s %s = %d, want %d", name, tt.method, tt.path, got, row.want)
			}
		}
	}
	w.acme.SetRepos("acme/web")
	for _, n := range []installation.Narrowing{
		{Repositories: []string{"api"}},
		{Permissions: map[string]string{"administration": "write"}},
		{Permissions: map[string]string{"metadata": "admin"}},
	} {
		if _, err := app.Mint(t.Context(), w.acme.ID(), n); causeOf(err) != installation.NotGranted {
			t.Errorf("%v: %v", n, err)
		}
	}
}

// A clock that is four minutes wrong does not matter. One that is twelve minutes wrong
// is named with its error.
func TestClock(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct {
		off  time.Duration
		want string // "" when it works
	}{
		{0, ""},
		{4 * time.Minute, ""},
		{-4 * time.Minute, ""},
		{-5*time.Minute + 2*time.Second, ""},
		{12 * time.Minute, "this machine's clock is 12m ahead of GitHub's"},
		{-12 * time.Minute, "this machine's clock is 12m behind GitHub's"},
		{-30 * 24 * time.Hour, "this machine's clock is 720h0m behind GitHub's"},
		{5 * time.Minute, "this machine's clock is 5m ahead of GitHub's"},
	} {
		app := w.signed(t, installation.Config{Now: func() time.Time { return noon.Add(tt.off) }})
		_, list := app.Installations(t.Context())
		_, mint := app.Mint(t.Context(), w.acme.ID(), installation.Narrowing{})
		for _, err := range []error{list, mint} {
			if tt.want == "" && err != nil || tt.want != "" && (causeOf(err) != installation.WrongClock || !strings.HasPrefix(err.Error(), tt.want+" (GitHub answered 401: ")) {
				t.Errorf("%s: %v, want %q", tt.off, err, tt.want)
			}
		}
	}
}

// What is wrong with an App or an installation is said as it is.
func TestWhatIsWrong(t *testing.T) {
	w := newWorld(t)
	other := w.AddApp("other")
	elsewhere := w.Install(other, "acme")
	suspended := w.Install(w.app, "globex")
	suspended.Suspend()
	gone := w.Install(w.app, "initech")
	gone.Uninstall()
	for _, tt := range []struct {
		name string
		with installation.Config
		id   int64
		want installation.Cause
	}{
		{"another App's key", installation.Config{Key: policy.NewSecret(string(other.PEM()))}, w.acme.ID(), installation.BadKey},
		{"a key of nobody", installation.Config{Key: policy.NewSecret(pkcs1(appKey()))}, w.acme.ID(), installation.BadKey},
		{"another App's id", installation.Config{Issuer: other.ClientID()}, w.acme.ID(), installation.BadKey},
		{"an App that is not", installation.Config{Issuer: "99999999"}, w.acme.ID(), installation.UnknownApp},
		{"suspended", installation.Config{}, suspended.ID(), installation.Suspended},
		{"uninstalled", installation.Config{}, gone.ID(), installation.Uninstalled},
		{"another App's installation", installation.Config{}, elsewhere.ID(), installation.Uninstalled},
		{"an installation that never was", installation.Config{}, 99999999, installation.Uninstalled},
	} {
		_, err := w.signed(t, tt.with).Mint(t.Context(), tt.id, installation.Narrowing{})
		if causeOf(err) != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
	limit := time.Minute
	w.Secondary(w.app.Principal(), &limit, http.StatusForbidden)
	_, err := w.signed(t, installation.Config{}).Mint(t.Context(), w.acme.ID(), installation.Narrowing{})
	if refused, ok := errors.AsType[*installation.Refused](err); !ok || refused.Cause != installation.Limited || refused.Header.Get("Retry-After") != "60" {
		t.Errorf("limited: %v", err)
	}
}

// A context that ends ends a call that waits for GitHub's answer, or for the rest of it.
func TestContextEnds(t *testing.T) {
	for _, begun := range []bool{false, true} {
		w := newWorld(t)
		app := w.signed(t, installation.Config{})
		for name, call := range map[string]func(context.Context) error{
			"Installations": func(ctx context.Context) error { _, err := app.Installations(ctx); return err },
			"Installation":  func(ctx context.Context) error { _, err := app.Installation(ctx, 7); return err },
			"Mint": func(ctx context.Context) error {
				_, err := app.Mint(ctx, w.acme.ID(), installation.Narrowing{})
				return err
			},
		} {
			ctx, cancel := context.WithCancel(t.Context())
			w.Intercept(func(rw http.ResponseWriter, r *http.Request) bool {
				if begun {
					rw.WriteHeader(http.StatusOK)
					_, _ = rw.Write([]byte(" "))
					_ = http.NewResponseController(rw).Flush()
				}
				cancel()
				<-r.Context().Done()
				return true
			})
			if err := call(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("%s, begun %t: %v", name, begun, err)
			}
		}
	}
}

// A redirect is not followed, with the JWT or without, to whichever host it leads.
func TestNoRedirect(t *testing.T) {
	for _, to := range []string{"https://github.com/app", "/app/installations/7"} {
		w := newWorld(t)
		w.Intercept(func(rw http.ResponseWriter, r *http.Request) bool {
			http.Redirect(rw, r, to, http.StatusTemporaryRedirect)
			return true
		})
		for name, err := range failures(t.Context(), w.signed(t, installation.Config{})) {
			if causeOf(err) != installation.Other || err.Error() != "GitHub answered 307" {
				t.Errorf("%s to %s: %v", name, to, err)
			}
		}
		if seen := w.Seen(); len(seen) != 3 {
			t.Errorf("three calls became %d requests: %v", len(seen), seen)
		}
	}
}

// Many tokens may be minted at once, each for what was asked.
func TestConcurrentMints(t *testing.T) {
	w := newWorld(t)
	app := w.signed(t, installation.Config{})
	var wg sync.WaitGroup
	for n := range 20 {
		wg.Go(func() {
			path, other := "/repos/acme/web", "/repos/acme/api"
			if n%2 == 0 {
				path, other = other, path
			}
			token, err := app.Mint(t.Context(), w.acme.ID(), installation.Narrowing{Repositories: []string{strings.TrimPrefix(path, "/repos/acme/")}})
			if err != nil {
				t.Error(err)
				return
			}
			if can, cannot := w.status(t, token, "GET", path, ""), w.status(t, token, "GET", other, ""); can != 200 || cannot != 404 {
				t.Errorf("%d: %d %d", n, can, cannot)
			}
		})
	}
	wg.Wait()
}

func causeOf(err error) installation.Cause {
	if refused, ok := errors.AsType[*installation.Refused](err); ok {
		return refused.Cause
	}
	return ""
}

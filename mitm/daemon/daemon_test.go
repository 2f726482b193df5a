package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"octopool/mitm"
	"octopool/mitm/config"
	"octopool/mitm/githubtest"
	"octopool/mitm/launch"
	"octopool/policy"
	"octopool/policy/pool"
	"octopool/store"
)

// TestMain shows that an octopool that was stopped, or that could not start, leaves no
// goroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const pat = "ghp_bot"

// gitHub is a stand-in that knows one credential.
func gitHub(t *testing.T) *githubtest.Server {
	g := githubtest.New()
	t.Cleanup(g.Close)
	g.AddUser("octo-bot", pat)
	return g
}

// settings are for an octopool of its own, in front of a stand-in.
func settings(t *testing.T, g *githubtest.Server) config.Settings {
	s, problems := config.NewSource("", "", nil).Settle([]string{"HOME=" + t.TempDir(), "GITHUB_TOKEN=" + pat})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	s.ProxyListen, s.AdminListen = "127.0.0.1:0", "127.0.0.1:0"
	s.GitHubs = []mitm.GitHub{{Host: "github.com", Git: true, Dial: g.Addr(), Roots: g.Roots()}}
	s.Rules.Clients = []policy.Registration{{Name: "ci", Pool: "default", Token: policy.DigestOf("client-token")}}
	return s
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func start(t *testing.T, s config.Settings) *Daemon {
	t.Helper()
	d, err := Start(s, quiet())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func stop(t *testing.T, d *Daemon) {
	t.Helper()
	if err := d.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

// client asks through an octopool as a program does that was told where it is.
func client(t *testing.T, where launch.Where) *http.Client {
	t.Helper()
	proxy, err := url.Parse(where.ProxyURL)
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{Proxy: http.ProxyURL(proxy), TLSClientConfig: trusting(t, where.RootFile), ForceAttemptHTTP2: true}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

func get(t *testing.T, c *http.Client, url, token string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestAWholeOctopool(t *testing.T) {
	g := gitHub(t)
	d := start(t, settings(t, g))
	c := client(t, d.Where())
	if status, body := get(t, c, "https://api.github.com/user", "client-token"); status != 200 || !strings.Contains(body, `"octo-bot"`) {
		t.Errorf("%d %s", status, body)
	}
	if seen := g.Seen(); len(seen) != 1 || seen[0].Login != "octo-bot" {
		t.Errorf("GitHub saw %v", seen)
	}
	if places := g.Contains("client-token"); len(places) > 0 {
		t.Errorf("GitHub saw the client's token: %v", places)
	}
	direct := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	if status, body := get(t, direct, d.AdminURL()+"/readyz", ""); status != 200 {
		t.Errorf("/readyz: %d %s", status, body)
	}
	if _, body := get(t, direct, d.AdminURL()+"/metrics", ""); !strings.Contains(body, `octopool_requests_total{client="ci",kind="rest",method="GET",code="200"`) {
		t.Errorf("/metrics:\n%s", body)
	}
	c.CloseIdleConnections()
	stop(t, d)
}

// TestStopFreesEverything: the same settings start again, on the same ports and store.
func TestStopFreesEverything(t *testing.T) {
	s := settings(t, gitHub(t))
	d := start(t, s)
	s.ProxyListen, s.AdminListen = d.proxyAt.String(), d.adminAt.String()
	stop(t, d)
	for range 2 {
		stop(t, start(t, s))
	}
}

func TestTwoOctopoolsWithOneDataFolder(t *testing.T) {
	s := settings(t, gitHub(t))
	d := start(t, s)
	_, err := Start(s, quiet())
	want := "data_dir: another octopool has " + s.DataDir + " open: stop it, or give each a data_dir of its own"
	if !errors.Is(err, store.ErrLocked) || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
	if p, ok := errors.AsType[config.Problem](err); !ok || p.Key != "data_dir" {
		t.Errorf("%v has no place in the configuration", err)
	}

	// A program's own octopool does not need the folder.
	session, err := ForProgram(s, "ci", "", quiet())
	if err != nil {
		t.Fatal(err)
	}
	session.stop()
	stop(t, d)
}

// TestAnAddressThatIsTaken: nothing was written before it was noticed.
func TestAnAddressThatIsTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, key := range []string{"proxy.listen", "admin.listen"} {
		s := settings(t, gitHub(t))
		if key == "proxy.listen" {
			s.ProxyListen = taken.Addr().String()
		} else {
			s.AdminListen = taken.Addr().String()
		}
		_, err := Start(s, quiet())
		if p, ok := errors.AsType[config.Problem](err); !ok || p.Key != key || !strings.Contains(p.Message, "address already in use") {
			t.Errorf("%s: %v", key, err)
		}
		if _, err := os.Stat(s.DataDir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: the data folder was made", key)
		}
	}
}

func TestStartRefusesWhatCannotWork(t *testing.T) {
	for claim, spoil := range map[string]func(*config.Settings){
		"two credentials of one name": func(s *config.Settings) { s.Credentials = append(s.Credentials, s.Credentials[0]) },
		"a credential without token":  func(s *config.Settings) { s.Credentials = []pool.Credential{{Name: "empty"}} },
		"an anonymous nobody":         func(s *config.Settings) { s.Rules.Anonymous = "client:nobody" },
		"a host that is none":         func(s *config.Settings) { s.GitHubs[0].Host = "10.0.0.1" },
		"a CA that is a file": func(s *config.Settings) {
			os.MkdirAll(s.DataDir, 0o700)
			os.WriteFile(filepath.Join(s.DataDir, "intermediate"), nil, 0o600)
		},
	} {
		s := settings(t, gitHub(t))
		spoil(&s)
		if d, err := Start(s, quiet()); err == nil {
			t.Errorf("%s: it started", claim)
			stop(t, d)
		}
	}
}

// TestStopCutsWhatDoesNotEnd: a request that GitHub does not answer keeps no octopool.
func TestStopCutsWhatDoesNotEnd(t *testing.T) {
	g := gitHub(t)
	asked, release := make(chan struct{}), make(chan struct{})
	g.Intercept(func(http.ResponseWriter, *http.Request) bool {
		close(asked)
		<-release
		return false
	})
	d := start(t, settings(t, g))
	c := client(t, d.Where())
	ended := make(chan error, 1)
	go func() {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://api.github.com/user", nil)
		r.Header.Set("Authorization", "Bearer client-token")
		resp, err := c.Do(r)
		if err == nil {
			resp.Body.Close()
			err = fmt.Errorf("status %d", resp.StatusCode)
		}
		ended <- err
	}()
	<-asked
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Stop(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Stop says %v of what it cut", err)
	}
	<-ended
	close(release)
	c.CloseIdleConnections()
}

func TestBackends(t *testing.T) {
	for backend, kept := range map[string]bool{"badger": true, "memory": false, "off": false} {
		s := settings(t, gitHub(t))
		s.Cache.Backend, s.AdminListen = backend, ""
		d := start(t, s)
		if d.AdminURL() != "" {
			t.Errorf("%s: there is an admin listener at %s", backend, d.AdminURL())
		}
		stop(t, d)
		if _, err := os.Stat(filepath.Join(s.DataDir, "store")); (err == nil) != kept {
			t.Errorf("%s: a store on disk: %v", backend, err)
		}
	}
}

func TestTheLogIsJSONInAFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "log")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	NewLog(f).Info("serving")
	f.Close()
	if text, _ := os.ReadFile(name); !bytes.Contains(text, []byte(`"msg":"serving"`)) {
		t.Errorf("%s", text)
	}
}

// Package clients shows that client libraries do the right thing with what they read of
// rate limits through a whole octopool: go-github, octokit with its throttling and retry
// plugins, PyGithub and gh, each as it comes. What GitHub saw of it is looked at every
// time, since a client that waits for the wrong thing, or for nothing, shows there.
package clients

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/diff"

	"octopool/mitm"
	"octopool/mitm/config"
	"octopool/mitm/daemon"
	"octopool/mitm/githubtest"
	"octopool/mitm/launch"
	"octopool/policy"
	"octopool/policy/pool"
)

// The tokens of octopool's clients, and those it has itself.
const (
	ciToken     = "github_pat_the_clients_ci"
	readerToken = "github_pat_the_clients_reader"
	smallToken  = "github_pat_the_clients_small"
	botPAT      = "ghp_of_octo_bot"
	hubPAT      = "ghp_of_hubot"
)

// A house is a GitHub with an octopool in front of it.
//
// GitHub has the users octo-bot and hubot, who may both write to acme/web, which is
// public, and acme/api, which is private. octopool has them as the credentials bot and hub,
// and the clients ci, who may do everything, reader, who may read acme/web, and small,
// who may spend two points an hour. A request that finds no place is refused at once.
type house struct {
	t      *testing.T
	github *githubtest.Server
	where  launch.Where
	folder string
	next   atomic.Pointer[func()] // see atNext
}

// newHouse starts one. With change its GitHub and octopool's settings can be others.
func newHouse(t *testing.T, change func(*githubtest.Server, *config.Settings)) *house {
	t.Helper()
	g := githubtest.New()
	t.Cleanup(g.Close)
	h := &house{t: t, github: g, folder: t.TempDir()}
	g.AddUser("octo-bot", botPAT)
	g.AddUser("hubot", hubPAT)
	g.AddRepo("acme/web", false)
	g.AddRepo("acme/api", true)
	for _, login := range []string{"octo-bot", "hubot"} {
		g.Grant(login, "acme/web")
		g.Grant(login, "acme/api")
	}
	g.SetScopes(botPAT, "repo, workflow")
	g.SetScopes(hubPAT, "repo")
	g.SetExpiry(hubPAT, time.Now().Add(24*time.Hour))
	for n := range 35 { // more than a page
		g.AddIssue("acme/api", fmt.Sprintf("Endpoint %d answers too late", n+1))
	}
	g.AddPull("acme/web", "Load the menu once")
	g.Intercept(h.intercept)
	s, problems := config.NewSource("", "", nil).Settle([]string{"HOME=" + t.TempDir(), "GITHUB_TOKEN=" + botPAT})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	s.ProxyListen, s.AdminListen = "127.0.0.1:0", ""
	s.GitHubs = []mitm.GitHub{{Host: "github.com", Git: true, Dial: g.Addr(), Roots: g.Roots()}}
	s.Cache.Backend, s.MaxWait = "memory", 0
	s.Credentials = []pool.Credential{
		{Name: "bot", GitHub: "github.com", Pool: "default", Token: policy.NewSecret(botPAT)},
		{Name: "hub", GitHub: "github.com", Pool: "default", Token: policy.NewSecret(hubPAT)},
	}
	scope, err := policy.ParseScope("read /repos/acme/web/**")
	if err != nil {
		t.Fatal(err)
	}
	s.Rules.Clients = []policy.Registration{
		{Name: "ci", Pool: "default", Token: policy.DigestOf(ciToken)},
		{Name: "reader", Pool: "default", Token: policy.DigestOf(readerToken), Scopes: []policy.Scope{scope}},
		{Name: "small", Pool: "default", Token: policy.DigestOf(smallToken)},
	}
	s.Allowances = []pool.Client{{Name: "small", PointsPerHour: 2}}
	if change != nil {
		change(g, &s)
	}
	d, err := daemon.Start(s, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := d.Stop(ctx); err != nil {
			t.Error(err)
		}
		for _, token := range []string{ciToken, readerToken, smallToken} {
			if places := g.Contains(token); len(places) > 0 {
				t.Errorf("GitHub saw a client's token: %v", places)
			}
		}
	})
	h.where = d.Where()
	return h
}

// intercept tells octopool whose its tokens are, for nothing. It asks once for each, in
// the background, and what that costs would come into the numbers sooner or later.
func (h *house) intercept(w http.ResponseWriter, r *http.Request) bool {
	user := map[string]string{
		"Bearer " + botPAT: `{"login":"octo-bot","id":1}`,
		"Bearer " + hubPAT: `{"login":"hubot","id":2}`,
	}[r.Header.Get("Authorization")]
	if r.URL.Path == "/user" && user != "" {
		io.WriteString(w, user)
		return true
	}
	if do := h.next.Swap(nil); do != nil {
		(*do)()
	}
	return false
}

// atNext does something when GitHub is asked next, before it answers: a program may take
// seconds to start, and what is soon over has to begin after that.
func (h *house) atNext(do func()) { h.next.Store(&do) }

// oneCredential leaves the pool the credential bot.
func oneCredential(_ *githubtest.Server, s *config.Settings) { s.Credentials = s.Credentials[:1] }

// soon is a reset that comes in one to two seconds: GitHub's are whole seconds.
func soon() time.Time { return time.Now().Truncate(time.Second).Add(2 * time.Second) }

// spend leaves both users so many points of a resource: hubot's are back at the reset,
// octo-bot's fifty minutes later.
func (h *house) spend(resource string, left int, reset time.Time) {
	h.github.SetBudget("octo-bot", resource, 5000, 5000, reset.Add(50*time.Minute))
	h.github.SetBudget("hubot", resource, 5000, 5000-left, reset)
}

// run lets a program run to its end with what octopool tells programs to use, and returns
// all that it printed.
func (h *house) run(token string, command ...string) string {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), time.Minute)
	defer cancel()
	base := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + h.folder, "LANG=C.UTF-8", "TZ=UTC"}
	settings := h.where.WithToken(h.where.Settings(base), token, base)
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = append(launch.Environ(base, settings, nil), "OCTOPOOL_NODE_MODULES="+os.Getenv("OCTOPOOL_NODE_MODULES"))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that what it started ends with it
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		h.t.Errorf("%s: %v\n%s", filepath.Base(command[0]), cmp.Or(context.Cause(ctx), err), out.String())
	}
	return out.String()
}

// saw is what GitHub has seen of clients' requests, a line each.
func (h *house) saw() string {
	var b strings.Builder
	for _, one := range h.github.Seen() {
		if one.Path == "/user" || strings.HasPrefix(one.Path, "/app/") {
			continue // octopool's own: see intercept
		}
		fmt.Fprintf(&b, "%s %s: %d as %s, %d points\n", one.Method, one.Path, one.Status, cmp.Or(one.Login, "nobody"), one.Points)
	}
	return b.String()
}

// compare checks a text against what it should be.
func compare(t *testing.T, name, got, want string) {
	t.Helper()
	if want = strings.TrimPrefix(want, "\n"); got != want {
		t.Errorf("%s", diff.Diff(name+" wanted", []byte(want), "got", []byte(got)))
	}
}

// errorAs is errors.As for a test: it fails if the error is none of this kind.
func errorAs[E error](t *testing.T, err error) E {
	t.Helper()
	e, ok := errors.AsType[E](err)
	if !ok {
		t.Fatalf("the error is %T %v, not %T", err, err, e)
	}
	return e
}

// withoutTimes is a text with TIME for the times that a test cannot know.
func withoutTimes(text string) string {
	return regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`).ReplaceAllString(text, "TIME")
}

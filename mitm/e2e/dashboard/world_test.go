// Package dashboard shows that the page at the admin listener's / tells what is true, in a
// real browser: Debian's Chromium, driven by chromedp, against octopool's own binary with a
// stand-in for GitHub behind it.
//
//	OCTOPOOL_SCREENSHOTS=DIR go test ./mitm/e2e/dashboard    writes there what the page looks like
package dashboard

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"octopool/mitm/githubtest"

	// The tests run a binary that is built anew each time. Naming its parts here lets go
	// test know that an earlier result is void when one of them has changed.
	_ "octopool/mitm/command"
)

// A world is a GitHub, an octopool before it, and its clients, who have been busy.
//
// GitHub has the users octo-bot, who has spent nearly all, and hubot, and an App on acme.
// octopool has all of them, and the token of somebody GitHub does not know. The clients are
// twelve teams; "docs" has an allowance that is spent, and "reader" may read acme/web only.
type world struct {
	t            *testing.T
	github       *githubtest.Server
	proxy, admin string // URLs
	token        string // of the admin listener; "" for none
	roots        *x509.CertPool
	client       *http.Client // of all teams
	process      *exec.Cmd
	said         []string      // by its log; to be read when it has ended
	ended        chan struct{} // closed when the process is no more
}

// teams are the clients, and how busy each is.
func teams() []string {
	return []string{"web", "api", "mobile", "search", "payments", "release", "renovate", "terraform", "data", "infra", "docs", "reader"}
}

func clientToken(team string) string { return "github_pat_of_team_" + team }

// newWorld starts one. With a token the admin listener asks for it.
func newWorld(t *testing.T, token string) *world {
	t.Helper()
	w := &world{t: t, github: githubtest.New(), token: token, roots: x509.NewCertPool(), ended: make(chan struct{})}
	t.Cleanup(w.github.Close)
	w.furnish()
	folder := t.TempDir()
	files := map[string]string{"github.pem": string(w.github.CAPEM()), "octopool.toml": w.configuration(folder)}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.start(folder)
	proxy, err := url.Parse(w.proxy)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{Proxy: http.ProxyURL(proxy), TLSClientConfig: &tls.Config{RootCAs: w.roots}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections) // before octopool is stopped, which would wait for them
	w.client = &http.Client{Transport: transport}
	root, err := os.ReadFile(filepath.Join(folder, "data", "ca.pem"))
	if err != nil || !w.roots.AppendCertsFromPEM(root) {
		t.Fatalf("octopool's root: %v", err)
	}
	return w
}

func (w *world) furnish() {
	g := w.github
	g.AddUser("octo-bot", "ghp_bot", "ghp_botAgain")
	g.AddUser("hubot", "ghp_hub")
	for _, repo := range []string{"acme/web", "acme/api"} {
		g.AddRepo(repo, repo == "acme/api")
		g.Grant("octo-bot", repo)
		g.Grant("hubot", repo)
		for n := range 3 {
			g.AddIssue(repo, fmt.Sprintf("Part %d is too slow", n+1))
		}
		g.AddPull(repo, "Make it fast")
		g.WriteFile(repo, "src/main.js", "console.log('acme')\n")
	}
}

func (w *world) configuration(folder string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "data_dir = %q\n[proxy]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n", filepath.Join(folder, "data"))
	if w.token != "" {
		b.WriteString("token = \"env:ADMIN_TOKEN\"\n")
	}
	fmt.Fprintf(&b, "[cache]\nbackend = \"memory\"\n[pool]\nmax_wait = \"0s\"\n[[github]]\nhost = \"github.com\"\ndial = %q\nca_file = %q\n", w.github.Addr(), filepath.Join(folder, "github.pem"))
	for name, variable := range map[string]string{"bot": "PAT_BOT", "bot-spare": "PAT_BOT_SPARE", "hub": "PAT_HUB", "leaver": "PAT_LEAVER"} {
		fmt.Fprintf(&b, "[[credential]]\nname = %q\npat = \"env:%s\"\n", name, variable)
	}
	for _, team := range teams() {
		fmt.Fprintf(&b, "[[client]]\nname = %q\ntoken = \"env:TOKEN_%s\"\n", team, strings.ToUpper(team))
		switch team {
		case "docs":
			b.WriteString("requests_per_hour = 4\n")
		case "mobile":
			b.WriteString("requests_per_hour = 400\n")
		case "reader":
			b.WriteString("scopes = [\"read /repos/acme/web/**\"]\n")
		}
	}
	return b.String()
}

// start builds octopool as a release is built, and runs it until the test ends.
func (w *world) start(folder string) {
	w.t.Helper()
	program := filepath.Join(folder, "octopool")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", program, "octopool")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		w.t.Fatalf("go build: %v\n%s", err, out)
	}
	w.process = exec.Command(program, "serve", "--config", filepath.Join(folder, "octopool.toml"))
	w.process.Env = []string{"PAT_BOT=ghp_bot", "PAT_BOT_SPARE=ghp_botAgain", "PAT_HUB=ghp_hub", "PAT_LEAVER=ghp_leaver", "ADMIN_TOKEN=" + w.token}
	for _, team := range teams() {
		w.process.Env = append(w.process.Env, "TOKEN_"+strings.ToUpper(team)+"="+clientToken(team))
	}
	log, err := w.process.StderrPipe()
	if err == nil {
		err = w.process.Start()
	}
	if err != nil {
		w.t.Fatal(err)
	}
	serving := make(chan bool, 1)
	go w.read(log, serving)
	w.t.Cleanup(w.stop)
	select {
	case <-w.ended:
		w.t.Fatalf("octopool ends at once:\n%s", w.said)
	case <-serving:
	case <-time.After(patience):
		w.t.Fatal("octopool does not serve")
	}
}

// read takes from octopool's log where it is, and then all there is until it ends.
func (w *world) read(log io.Reader, serving chan<- bool) {
	defer close(w.ended)
	for lines := bufio.NewScanner(log); lines.Scan(); {
		w.said = append(w.said, lines.Text())
		var said struct{ Msg, Proxy, Admin string }
		if json.Unmarshal(lines.Bytes(), &said) == nil && said.Msg == "serving" {
			w.proxy, w.admin = said.Proxy, said.Admin
			serving <- true
		}
	}
	w.process.Wait()
}

// stop ends octopool as an operator does. It must not wait for who looks on.
func (w *world) stop() {
	w.process.Process.Signal(syscall.SIGTERM)
	select {
	case <-w.ended:
	case <-time.After(patience):
		w.process.Process.Kill()
		w.t.Error("octopool does not end after a SIGTERM")
	}
}

// ask has a team ask for something, and returns the status.
func (w *world) ask(team, method, path, body string) int {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, "https://api.github.com"+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+clientToken(team))
	resp, err := w.client.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// work lets all teams do what they do: some read what others have read, docs spends its
// allowance, reader asks for what it may not, and a stranger comes.
func (w *world) work() {
	w.t.Helper()
	for i, team := range teams() {
		for n := range 14 - i {
			w.ask(team, "GET", fmt.Sprintf("/repos/acme/web/issues?per_page=%d", 10+n*(i%4)), "")
		}
		w.ask(team, "GET", "/repos/acme/web", "")
		w.ask(team, "GET", "/repos/acme/web/pulls", "")
		w.ask(team, "GET", "/repos/acme/api/contents/src/main.js", "")
	}
	for n := range 6 {
		w.ask("docs", "GET", fmt.Sprintf("/repos/acme/web/labels?per_page=%d", n+1), "")
	}
	for range 3 {
		w.ask("reader", "GET", "/repos/acme/api/issues", "")
	}
	for n := range 5 {
		w.ask("release", "POST", "/repos/acme/web/issues", fmt.Sprintf(`{"title":"Release %d"}`, n))
		w.ask("search", "GET", fmt.Sprintf("/search/issues?q=slow+%d", n), "")
		w.ask("data", "POST", "/graphql", `{"query":"query { viewer { login } }"}`)
	}
	w.ask("nobody", "GET", "/user", "")
}

// exhaust leaves octo-bot nothing and hubot little, and lets octopool find out.
func (w *world) exhaust() {
	w.github.SetBudget("octo-bot", "core", 5000, 5000, time.Now().Add(23*time.Minute))
	w.github.SetBudget("hubot", "core", 5000, 4790, time.Now().Add(41*time.Minute))
	for n := range 40 {
		w.ask("payments", "GET", fmt.Sprintf("/repos/acme/api/issues?page=%d", n+1), "")
	}
}

// get asks the admin listener, with the token where there is one.
func (w *world) get(path string) []byte {
	w.t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), "GET", w.admin+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	if w.token != "" {
		r.Header.Set("Authorization", "Bearer "+w.token)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		w.t.Fatalf("%s: %s %v", path, resp.Status, err)
	}
	return text
}

// metrics adds up the values of a metric whose labels are these, as Prometheus reads them.
func (w *world) metrics(name string, labels map[string]string) (sum int) {
	w.t.Helper()
	var parser expfmt.TextParser
	families, err := parser.TextToMetricFamilies(strings.NewReader(string(w.get("/metrics"))))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, m := range families[name].GetMetric() {
		if fits(m, labels) {
			sum += int(m.GetCounter().GetValue() + m.GetGauge().GetValue() + m.GetUntyped().GetValue())
		}
	}
	return sum
}

func fits(m *dto.Metric, labels map[string]string) bool {
	found := 0
	for _, l := range m.GetLabel() {
		if value, asked := labels[l.GetName()]; asked && value == l.GetValue() {
			found++
		}
	}
	return found == len(labels)
}

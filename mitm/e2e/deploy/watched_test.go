package deploy

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"octopool/mitm/githubtest"
)

const (
	botPAT, ciToken, adminToken = "ghp_bot0123456789", "ghp_ci0123456789", "an-admin-token"
	patience                    = time.Minute // far beyond what anything here takes
)

// watched runs an octopool that has been used, and Prometheus before it. promtool finds
// nothing wrong with the metrics, every panel of the dashboard has something to show, and
// no alert fires.
func watched(t *testing.T, program string) {
	dir := t.TempDir()
	admin := serve(t, program, dir)
	metrics := fetch(t, "http://"+admin+"/metrics")
	lint := exec.CommandContext(t.Context(), "promtool", "check", "metrics")
	lint.Stdin = strings.NewReader(metrics)
	if out, err := lint.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
	prometheus := scrape(t, dir, admin)
	for _, p := range panels(t) {
		for _, q := range p.queries {
			if text, found := prometheus.ask(t, q); !found {
				t.Errorf("%s has nothing to show:\n%s\n%s", p.title, q, text)
			}
		}
	}
	prometheus.quiet(t)
}

// serve starts an octopool with a GitHub, uses it, and returns where its metrics are.
func serve(t *testing.T, program, dir string) string {
	t.Helper()
	github := githubtest.New()
	t.Cleanup(github.Close)
	github.AddUser("octo-bot", botPAT)
	github.AddRepo("acme/web", false)
	github.Grant("octo-bot", "acme/web")
	github.WriteFile("acme/web", "README.md", "acme\n")
	proxy, admin := freeAddr(t), freeAddr(t)
	write(t, filepath.Join(dir, "github.pem"), string(github.CAPEM()))
	write(t, filepath.Join(dir, "admin-token"), adminToken)
	write(t, filepath.Join(dir, "octopool.toml"), fmt.Sprintf(`data_dir = "data"
[proxy]
listen = %q
[admin]
listen = %q
token = "file:admin-token"
[[github]]
host = "github.com"
dial = %q
ca_file = "github.pem"
[[credential]]
name = "bot"
pat = "env:BOT"
[[client]]
name = "ci"
token = "env:CI"
scopes = ["* /repos/acme/web/**", "git:read acme/web", "graphql:query"]
requests_per_hour = 100
`, proxy, admin, github.Addr()))
	start(t, dir, []string{"BOT=" + botPAT, "CI=" + ciToken, "HOME=" + dir}, program, "serve", "--config", "octopool.toml")
	eventually(t, "octopool is ready", func() bool { return reachable("http://" + admin + "/readyz") })
	use(t, dir, proxy)
	return admin
}

// use asks for everything that a panel counts.
func use(t *testing.T, dir, proxy string) {
	t.Helper()
	roots := x509.NewCertPool()
	root, err := os.ReadFile(filepath.Join(dir, "data", "ca.pem"))
	if err != nil || !roots.AppendCertsFromPEM(root) {
		t.Fatalf("no root: %v", err)
	}
	client := &http.Client{Timeout: patience, Transport: &http.Transport{
		Proxy:           http.ProxyURL(&url.URL{Scheme: "http", Host: proxy}),
		TLSClientConfig: &tls.Config{RootCAs: roots},
	}}
	t.Cleanup(client.CloseIdleConnections)
	for _, r := range []struct {
		method, url, body string
		want              int
	}{
		{"GET", "https://api.github.com/repos/acme/web", "", 200},
		{"GET", "https://api.github.com/repos/acme/web", "", 200},
		{"POST", "https://api.github.com/repos/acme/web/issues", `{"title":"x"}`, 201},
		{"POST", "https://api.github.com/graphql", `{"query":"{viewer{login}}"}`, 200},
		{"GET", "https://github.com/acme/web.git/info/refs?service=git-upload-pack", "", 200},
		{"GET", "https://api.github.com/repos/acme/api", "", 403},
	} {
		req, err := http.NewRequestWithContext(t.Context(), r.method, r.url, strings.NewReader(r.body))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(r.url, "//github.com") {
			req.SetBasicAuth("x-access-token", ciToken)
		} else {
			req.Header.Set("Authorization", "Bearer "+ciToken)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != r.want {
			t.Errorf("%s %s: %s %s, want %d", r.method, r.url, resp.Status, body, r.want)
		}
	}
}

// A prometheus is one that scrapes an octopool each second.
type prometheus struct{ url string }

// scrape starts a Prometheus as prometheus.yml has it, but for the places and the
// intervals, and returns when it has scraped often enough for rates and judged all alerts.
func scrape(t *testing.T, dir, admin string) prometheus {
	t.Helper()
	config := strings.NewReplacer(
		"octopool:9090", admin, "/run/secrets/admin-token", filepath.Join(dir, "admin-token"), "_interval: 15s", "_interval: 1s",
	).Replace(read(t, "prometheus.yml"))
	write(t, filepath.Join(dir, "prometheus.yml"), config)
	write(t, filepath.Join(dir, "alerts.yml"), read(t, "alerts.yml"))
	check := exec.CommandContext(t.Context(), "promtool", "check", "config", "prometheus.yml")
	check.Dir = dir
	if out, err := check.CombinedOutput(); err != nil {
		t.Fatalf("promtool check config: %v\n%s", err, out)
	}
	p := prometheus{"http://" + freeAddr(t)}
	start(t, dir, nil, "prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=tsdb", "--web.listen-address="+strings.TrimPrefix(p.url, "http://"))
	eventually(t, "Prometheus is ready", func() bool { return reachable(p.url + "/-/ready") })
	eventually(t, "it has scraped and judged", func() bool {
		_, scraped := p.ask(t, "count_over_time(octopool_ca_expiry_timestamp_seconds[1m]) >= 3")
		return scraped && !strings.Contains(fetch(t, p.url+"/api/v1/rules"), `"health":"unknown"`)
	})
	return p
}

// ask evaluates a query. What Prometheus does not understand ends the test.
func (p prometheus) ask(t *testing.T, query string) (text string, found bool) {
	t.Helper()
	text = fetch(t, p.url+"/api/v1/query?query="+url.QueryEscape(query))
	var answer struct{ Data struct{ Result []any } }
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatal(err)
	}
	return text, len(answer.Data.Result) > 0
}

// quiet checks that every alert could be judged, and that none is on its way.
func (p prometheus) quiet(t *testing.T) {
	t.Helper()
	var answer struct {
		Data struct {
			Groups []struct {
				Rules []struct{ Name, State, Health, LastError string }
			}
		}
	}
	if err := json.Unmarshal([]byte(fetch(t, p.url+"/api/v1/rules")), &answer); err != nil {
		t.Fatal(err)
	}
	judged := 0
	for _, g := range answer.Data.Groups {
		for _, r := range g.Rules {
			judged++
			if r.State != "inactive" || r.Health != "ok" {
				t.Errorf("alert %s is %s, %s %s", r.Name, r.State, r.Health, r.LastError)
			}
		}
	}
	if want := strings.Count(read(t, "alerts.yml"), "- alert:"); judged != want {
		t.Errorf("%d alerts were judged, want %d", judged, want)
	}
}

// A panel is one of the dashboard that shows something.
type panel struct {
	title   string
	queries []string
}

// panels are the dashboard's, with what Grafana puts in for its variables.
func panels(t *testing.T) []panel {
	t.Helper()
	var dashboard struct {
		Panels []struct {
			Type, Title string
			Targets     []struct{ Expr string }
		}
		Templating struct{ List []struct{ Name string } }
	}
	if err := json.Unmarshal([]byte(read(t, "grafana.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	// Of a name that begins with another's, the longer comes first.
	values := []string{"$__rate_interval", "1m", "$__range", "5m"}
	for _, v := range dashboard.Templating.List {
		values = append(values, "$"+v.Name, ".*")
	}
	var all []panel
	for _, p := range dashboard.Panels {
		if p.Type == "row" {
			continue
		}
		shown := panel{title: p.Title}
		for _, target := range p.Targets {
			query := strings.NewReplacer(values...).Replace(target.Expr)
			if strings.Contains(query, "$") {
				t.Errorf("%s: nobody knows of a variable in %s", p.Title, query)
			}
			shown.queries = append(shown.queries, query)
		}
		if len(shown.queries) == 0 {
			t.Errorf("%s asks for nothing", p.Title)
		}
		all = append(all, shown)
	}
	if len(all) == 0 {
		t.Fatal("no panels")
	}
	return all
}

// start runs a program until the test ends.
func start(t *testing.T, dir string, environ []string, program string, args ...string) {
	t.Helper()
	var out bytes.Buffer // read when the program has ended
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, append([]string{"PATH=" + os.Getenv("PATH")}, environ...), &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Errorf("%s: %v\n%s", filepath.Base(program), err, out.String())
		}
	})
}

// get asks with the admin token.
func get(url string) (int, string, error) {
	req, err := http.NewRequest("GET", url, nil)
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Authorization", "Bearer "+adminToken)
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

func fetch(t *testing.T, url string) string {
	t.Helper()
	status, text, err := get(url)
	if err != nil || status != http.StatusOK {
		t.Fatalf("%s: %d %s %v", url, status, text, err)
	}
	return text
}

func reachable(url string) bool {
	status, _, err := get(url)
	return err == nil && status == http.StatusOK
}

// eventually waits for what another program does.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(patience); !done(); {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("not so after %v: %s", patience, what)
		}
	}
}

// freeAddr is an address that nobody listens to, of a loopback address of its own, so that
// none takes it before the program does that is to.
func freeAddr(t *testing.T) string {
	t.Helper()
	ip := []byte{127, 0, 0, 0}
	rand.Read(ip[1:])
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: ip})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

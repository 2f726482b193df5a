package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

// TestMain lets the test program be the stand-in itself, to be sent signals.
func TestMain(m *testing.M) {
	if os.Getenv("BE_THE_STANDIN") != "" {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

// A running is a stand-in that plays for one test.
type running struct {
	t             *testing.T
	dir           string
	addr, control string
	client        *http.Client // reaches the stand-in
}

func play(t *testing.T, world string, more ...string) running {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "new")
	ctx, stop := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	status := make(chan int, 1)
	go func() {
		status <- run(ctx, append([]string{"--dir", dir, "--world", world}, more...), writer, os.Stderr)
		writer.Close()
	}()
	lines := make(chan string, 9)
	go func() {
		defer close(lines)
		for scanner := bufio.NewScanner(reader); scanner.Scan(); {
			lines <- scanner.Text()
		}
	}()
	t.Cleanup(func() {
		stop()
		if got := <-status; got != 0 {
			t.Errorf("exit status %d", got)
		}
		for line := range lines {
			t.Errorf("printed more: %q", line)
		}
	})
	line := <-lines
	r := running{t: t, dir: dir}
	if n, _ := fmt.Sscanf(line, "ready %s %s", &r.addr, &r.control); n != 2 {
		t.Fatalf("printed %q", line)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(r.file("ca.pem")) {
		t.Fatal("ca.pem holds no certificate")
	}
	r.client = &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", r.addr)
		},
		TLSClientConfig:   &tls.Config{RootCAs: roots},
		ForceAttemptHTTP2: true,
	}}
	t.Cleanup(r.client.CloseIdleConnections)
	return r
}

func (r running) file(name string) []byte {
	r.t.Helper()
	content, err := os.ReadFile(filepath.Join(r.dir, name))
	if err != nil {
		r.t.Fatal(err)
	}
	return content
}

// github asks the stand-in for an API path and returns the status and the answer.
func (r running) github(path, token string) (int, string) {
	r.t.Helper()
	request, err := http.NewRequest(http.MethodGet, "https://api.github.com"+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "token "+token)
	}
	return r.read(r.client.Do(request))
}

// ask asks the control listener: "GET /seen", or "POST /contains" and a body.
func (r running) ask(what, body string) (int, string) {
	r.t.Helper()
	method, path, _ := strings.Cut(what, " ")
	request, err := http.NewRequest(method, r.control+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	return r.read(http.DefaultClient.Do(request))
}

func (r running) read(resp *http.Response, err error) (int, string) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// When it says ready, all three files are there and true.
func TestReady(t *testing.T) {
	r := play(t, "empty")
	if got := string(r.file("addr")); got != r.addr+"\n" {
		t.Errorf("addr: %q, not %q", got, r.addr)
	}
	if got := string(r.file("control")); got != r.control+"\n" || !strings.HasPrefix(got, "http://127.0.0.1:") {
		t.Errorf("control: %q, not %q", got, r.control)
	}
	files, _ := os.ReadDir(r.dir)
	if len(files) != 3 {
		t.Errorf("%v", files)
	}
	if status, body := r.github("/repos/acme/web", ""); status != 404 {
		t.Errorf("the empty world: %d %s", status, body)
	}
}

// With --app there is an App to mint tokens with, whose key is nobody else's to read.
func TestApp(t *testing.T) {
	r := play(t, "demo", "--app")
	block, _ := pem.Decode(r.file("app.pem"))
	if block == nil {
		t.Fatal("app.pem is no PEM")
	}
	if _, err := x509.ParsePKCS1PrivateKey(block.Bytes); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(filepath.Join(r.dir, "app.pem")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	var app, installation int
	if n, err := fmt.Sscanf(string(r.file("app")), "%d %d\n", &app, &installation); n != 2 {
		t.Fatalf("app: %q, %v", r.file("app"), err)
	}
	if status, text := r.ask(fmt.Sprintf("POST /budget?login=installation:%d&limit=10&used=4", installation), ""); status != 200 {
		t.Errorf("its budget: %d %s", status, text)
	}
	if _, text := r.ask(fmt.Sprintf("GET /points?login=installation:%d", installation), ""); text != "4\n" {
		t.Errorf("its points: %s", text)
	}
}

func TestDemoWorld(t *testing.T) {
	r := play(t, "demo")
	for _, tt := range []struct{ path, has string }{
		{"/search/issues?q=repo:acme/web+is:issue", `{"total_count":40,`},
		{"/search/issues?q=repo:acme/web+is:pr", `{"total_count":3,`},
		{"/search/issues?q=repo:acme/api", `{"total_count":3,`},
		{"/repos/acme/web", `"private":false`},
		{"/repos/acme/web", `"push":true`},
		{"/repos/acme/api", `"private":true`},
		{"/repos/acme/web/labels", `"name":"bug"`},
		{"/repos/acme/web/releases/tags/v1.0", `"name":"checksums.txt"`},
		{"/repos/acme/web/commits/change-43/check-runs", `"conclusion":"failure"`},
		{"/repos/acme/web/contents/src/main.js", `"type":"file"`},
		{"/repos/acme/web/readme", `"name":"README.md"`},
	} {
		for _, token := range []string{"ghp_demoBot", "github_pat_demoHubot"} {
			if status, body := r.github(tt.path, token); status != 200 || !strings.Contains(body, tt.has) {
				t.Errorf("%s as %s: %d, no %s in %.300s", tt.path, token, status, tt.has, body)
			}
		}
	}
	if status, _ := r.github("/repos/acme/api", ""); status != 404 {
		t.Errorf("acme/api for the anonymous: %d", status)
	}
}

// A script can ask what was seen and spent, and change the world.
func TestControl(t *testing.T) {
	r := play(t, "demo")
	r.github("/repos/acme/web", "ghp_demoBot")
	r.github("/search/issues?q=x", "ghp_demoBot")
	r.github("/repos/acme/web/labels/bug", "")
	for _, tt := range []struct {
		ask, body string
		status    int
		want      string
	}{
		{"GET /seen", "", 200, "GET api.github.com/repos/acme/web 200 octo-bot 1\nGET api.github.com/search/issues?q=x 200 octo-bot 1\nGET api.github.com/repos/acme/web/labels/bug 200  1\n"},
		{"GET /points", "", 200, "- core 1\nocto-bot core 1\nocto-bot search 1\n"},
		{"GET /points?login=octo-bot", "", 200, "2\n"},
		{"GET /points?login=hubot", "", 200, "0\n"},
		{"GET /points?login=", "", 200, "1\n"},
		{"GET /points?login=-", "", 200, "1\n"},
		{"POST /contains", "demoBot", 200, "request 1, GET api.github.com/repos/acme/web: header Authorization\nrequest 2, GET api.github.com/search/issues: header Authorization\n"},
		{"POST /contains", "demoHubot", 200, ""},
		{"POST /reset", "", 200, ""},
		{"GET /seen", "", 200, ""},
		{"GET /points?login=octo-bot", "", 200, "2\n"},
		{"POST /touch?repo=acme/web", "", 200, ""},
		{"POST /edit-issue?repo=acme/web&number=1&title=Other", "", 200, ""},
		{"POST /touch?repo=acme/none", "", 400, "no repository acme/none\n"},
		{"POST /edit-issue?repo=acme/web&number=one", "", 400, "number: \"one\" is not a number\n"},
		{"POST /edit-issue?repo=acme/web&number=99", "", 400, "no issue 99 in acme/web\n"},
		{"POST /budget?login=octo-bot&limit=10&used=10&reset=60", "", 200, ""},
		{"POST /budget?login=nobody&limit=10&used=10", "", 400, "no user nobody\n"},
		{"POST /budget?login=octo-bot&used=10", "", 400, "limit: \"\" is not a number\n"},
		{"POST /revoke", "ghp_none", 400, "no such token\n"},
		{"GET /revoke", "", 405, "Method Not Allowed\n"},
		{"GET /nothing", "", 404, "404 page not found\n"},
	} {
		if status, got := r.ask(tt.ask, tt.body); status != tt.status || got != tt.want {
			t.Errorf("%s: %d %q, want %d %q", tt.ask, status, got, tt.status, tt.want)
		}
	}
	if status, body := r.github("/repos/acme/web", "ghp_demoBot"); status != 403 || !strings.Contains(body, "API rate limit exceeded") {
		t.Errorf("with a spent budget: %d %s", status, body)
	}
	if status, body := r.github("/repos/acme/web/issues/1", "github_pat_demoHubot"); status != 200 || !strings.Contains(body, `"title":"Other"`) {
		t.Errorf("the edited issue: %d %s", status, body)
	}
	r.ask("POST /secondary?login=hubot&retry_after=60&status=429", "")
	if status, body := r.github("/user", "github_pat_demoHubot"); status != 429 || !strings.Contains(body, "secondary rate limit") {
		t.Errorf("under a secondary limit: %d %s", status, body)
	}
	r.ask("POST /secondary?login=hubot&status=0", "")
	if status, _ := r.github("/user", "github_pat_demoHubot"); status != 200 {
		t.Errorf("when it has ended: %d", status)
	}
	r.ask("POST /revoke", "github_pat_demoHubot\n")
	if status, _ := r.github("/user", "github_pat_demoHubot"); status != 401 {
		t.Errorf("revoked: %d", status)
	}
}

func TestBadUsage(t *testing.T) {
	for _, args := range [][]string{{}, {"--dir"}, {"--dir", t.TempDir(), "--world", "big"}, {"--dir", t.TempDir(), "more"}, {"--nothing"}} {
		var stdout, stderr bytes.Buffer
		if status := run(t.Context(), args, &stdout, &stderr); status != 2 || stdout.Len() > 0 || stderr.Len() == 0 {
			t.Errorf("%q: status %d, %q, %q", args, status, &stdout, &stderr)
		}
	}
	if status := run(t.Context(), []string{"--help"}, io.Discard, io.Discard); status != 0 {
		t.Errorf("--help: status %d", status)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	if status := run(t.Context(), []string{"--dir", file, "--world", "empty"}, io.Discard, &stderr); status != 1 || !strings.HasPrefix(stderr.String(), "standin: ") {
		t.Errorf("a file for a folder: status %d, %q", status, &stderr)
	}
}

// It goes when it is told to, and takes its temporary folder with it.
func TestSignals(t *testing.T) {
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		temporary := t.TempDir()
		program := exec.Command(os.Args[0], "--dir", t.TempDir())
		program.Env = append(os.Environ(), "BE_THE_STANDIN=1", "TMPDIR="+temporary)
		stdout, err := program.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := program.Start(); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || !strings.HasPrefix(line, "ready ") {
			t.Errorf("%v: %q, %v", signal, line, err)
		}
		if made, _ := os.ReadDir(temporary); len(made) != 1 {
			t.Errorf("%v: made %v", signal, made)
		}
		program.Process.Signal(signal)
		if err := program.Wait(); err != nil {
			t.Errorf("%v: %v", signal, err)
		}
		if left, _ := os.ReadDir(temporary); len(left) != 0 {
			t.Errorf("%v: left %v", signal, left)
		}
	}
}

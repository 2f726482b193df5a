package e2e

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"octopool/mitm/githubtest"
)

// A house is the world of one session: a GitHub, an octopool in front of it, and the
// empty home of somebody who has just been given a client's token.
//
// GitHub has the users octo-bot and hubot, who may both write to acme/web, which is
// public, and acme/api, which is private; nobody may see acme/vault. octopool has them
// as the credentials bot and hub, and the clients ci and ops, who may do everything, and
// reader, who may read acme/web and clone it.
type house struct {
	t       *testing.T
	github  *githubtest.Server
	others  []other // see newEstate
	gate    *gate
	daemon  *daemon
	clients map[string]string // tokens by name; stranger's is registered nowhere
	pats    map[string]string // tokens of credentials by name
	control *httptest.Server
	relay   string // URL of a proxy that leads to GitHub past octopool
	folder  string // of everything below
	data    string // octopool's
	home    string
	work    string // where the session runs
	bin     string
	config  string
}

func newHouse(t *testing.T, bin string, others ...string) *house {
	t.Helper()
	dir := t.TempDir()
	h := &house{
		t: t, bin: bin, folder: dir, data: filepath.Join(dir, "data"), home: filepath.Join(dir, "home"), work: filepath.Join(dir, "work"),
		config:  filepath.Join(dir, "octopool.toml"),
		clients: map[string]string{"stranger": newToken()},
		pats:    map[string]string{"bot": newToken(), "hub": newToken()},
		github:  githubtest.New(),
		gate:    newGate(),
	}
	t.Cleanup(h.github.Close)
	for _, folder := range []string{h.home, h.work} {
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	h.write("github.pem", string(h.github.CAPEM()))
	h.github.Intercept(h.gate.intercept)
	h.furnish()
	roots := string(h.github.CAPEM())
	environ := []string{"PATH=" + os.Getenv("PATH"), h.systemRoots(), "BOT_PAT=" + h.pats["bot"], "HUB_PAT=" + h.pats["hub"]}
	for _, host := range others {
		h.addOther(host)
	}
	for _, g := range h.others {
		roots += string(g.CAPEM())
		environ = append(environ, strings.ToUpper(g.pat)+"_PAT="+h.pats[g.pat])
	}
	h.write("roots.pem", roots)
	var stop func()
	h.relay, stop = h.github.Relay()
	t.Cleanup(stop)
	h.daemon = newDaemon(t, filepath.Join(bin, "octopool"), h.config, environ)
	h.write("octopool.toml", h.configuration())
	h.control = httptest.NewServer(h.controls())
	t.Cleanup(h.control.Close)
	if err := h.daemon.start(); err != nil {
		t.Fatal(err)
	}
	return h
}

// newToken is like a fine-grained personal access token. A client's begins the same way,
// so that gh says the same of both.
func newToken() string { return "github_pat_" + rand.Text() + "_" + rand.Text() }

// furnish fills the world.
func (h *house) furnish() {
	g := h.github
	g.AddUser("octo-bot", h.pats["bot"])
	g.AddUser("hubot", h.pats["hub"])
	g.AddRepo("acme/web", false)
	g.AddRepo("acme/api", true)
	g.AddRepo("acme/vault", true)
	for _, login := range []string{"octo-bot", "hubot"} {
		g.Grant(login, "acme/web")
		g.Grant(login, "acme/api")
	}
	g.AddIssue("acme/web", "The menu loads twice")
	g.AddIssue("acme/web", "The footer is not translated")
	g.AddPull("acme/web", "Load the menu once")
	g.AddCheckRunAt("acme/web", "change-3", "build", "success")
	g.AddCheckRunAt("acme/web", "change-3", "test", "success")
	g.WriteFile("acme/web", "src/main.js", "console.log('acme')\n")
	g.AddRelease("acme/web", "v1.0", map[string][]byte{"web.js": []byte("console.log('acme 1.0')\n"), "sums.txt": []byte("none\n")})
	for n := range 35 { // more than a page
		g.AddIssue("acme/api", fmt.Sprintf("Endpoint %d answers too late", n+1))
	}
	g.AddRelease("acme/api", "v2.0", map[string][]byte{"api.bin": bytes.Repeat([]byte("api 2.0\n"), 40<<10)})
}

// configuration is octopool's, with clients made by octopool itself.
func (h *house) configuration() string {
	var b strings.Builder
	fmt.Fprintf(&b, "data_dir = %q\n\n[proxy]\nlisten = %q\n\n[admin]\nlisten = %q\n\n[audit]\nfile = %q\n\n", h.data, h.daemon.proxyAt, h.daemon.adminAt, h.auditFile())
	fmt.Fprintf(&b, "[[github]]\nhost = \"github.com\"\ndial = %q\nca_file = %q\n\n", h.github.Addr(), filepath.Join(h.folder, "github.pem"))
	for _, name := range []string{"bot", "hub"} {
		fmt.Fprintf(&b, "[[credential]]\nname = %q\npat = \"env:%s_PAT\"\ngithub = \"github.com\"\n\n", name, strings.ToUpper(name))
	}
	for _, g := range h.others {
		b.WriteString(h.configurationOf(g))
	}
	b.WriteString(h.newClient("ci"))
	b.WriteString(h.newClient("ops"))
	b.WriteString(h.newClient("reader", h.readers()...))
	return b.String()
}

// newClient registers a client and returns the TOML for it. Its token, which octopool
// shows once, is on a line of its own.
func (h *house) newClient(name string, scopes ...string) string {
	h.t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(filepath.Join(h.bin, "octopool"), append([]string{"client", "new", name}, scopes...)...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		h.t.Fatalf("octopool client new: %v\n%s", err, stderr.String())
	}
	for line := range strings.Lines(stderr.String()) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "github_pat_") {
			h.clients[name] = line
		}
	}
	if h.clients[name] == "" {
		h.t.Fatalf("octopool client new shows no token:\n%s", stderr.String())
	}
	return stdout.String() + "\n"
}

func (h *house) write(name, content string) {
	h.t.Helper()
	if err := os.WriteFile(filepath.Join(h.folder, name), []byte(content), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// env is the session's environment before it has asked octopool for more: that of a new
// user, with the names that testdata/lib/session goes by.
func (h *house) env() []string {
	return []string{
		"PATH=" + h.bin + string(os.PathListSeparator) + os.Getenv("PATH"),
		"HOME=" + h.home, h.systemRoots(), "TMPDIR=" + h.folder, "LANG=C.UTF-8", "TZ=UTC", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Tester", "GIT_AUTHOR_EMAIL=tester@example.com",
		"GIT_COMMITTER_NAME=Tester", "GIT_COMMITTER_EMAIL=tester@example.com",
		"CONFIG=" + h.config, "DATA=" + h.data, "PROXY=http://" + h.daemon.proxyAt, "ADMIN=http://" + h.daemon.adminAt,
		"CI=" + h.clients["ci"], "OPS=" + h.clients["ops"], "READER=" + h.clients["reader"], "STRANGER=" + h.clients["stranger"],
		"BOT=" + h.pats["bot"], "HUB=" + h.pats["hub"], "RELAY=" + h.relay, "GITHUB_CA=" + filepath.Join(h.folder, "github.pem"), "CONTROL=" + h.control.URL,
	}
}

// systemRoots makes the stand-ins' authorities what the machine trusts.
func (h *house) systemRoots() string { return "SSL_CERT_FILE=" + filepath.Join(h.folder, "roots.pem") }

// leave ends octopool as an operator does, if the session has not.
func (h *house) leave() {
	h.t.Helper()
	if h.daemon.running() {
		h.daemon.signal("TERM")
		if status := h.daemon.wait(h.t.Context()); status != "exited 0" {
			h.t.Errorf("after a SIGTERM octopool %s\n%s", status, h.daemon.log())
		}
	}
	for line := range strings.Lines(h.daemon.log()) {
		if strings.Contains(line, `"level":"ERROR"`) || strings.Contains(line, "panic") {
			h.t.Errorf("octopool logged: %s", line)
		}
	}
}

// freeAddr is an address that nobody listens to, of a loopback address of its own, so
// that none takes it before octopool does, or between two lives of one.
func freeAddr(t *testing.T) string {
	t.Helper()
	ip := []byte{127, 0, 0, 0}
	rand.Read(ip[1:])
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: ip})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

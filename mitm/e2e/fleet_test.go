package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"octopool/mitm/githubtest"
)

// A fleet is two octopools on one Redis, in front of one GitHub. GitHub has the users
// octo-bot and hubot, who may both write to acme/web, which is public, and acme/api, which
// is private. Client ci, who may do everything, has another token at each octopool.
type fleet struct {
	t        *testing.T
	github   *githubtest.Server
	redis    *redisServer
	one, two *member
	pats     map[string]string // tokens of credentials, which are called after their users
	ci       string            // what else the configuration says of client ci
	shown    int               // how much of GitHub's log a test has looked at
}

// A member is one octopool of a fleet.
type member struct {
	*daemon
	t     *testing.T
	bin   string
	data  string
	token string // of client ci
}

// newFleet starts a GitHub and a Redis. Its octopools start when the test has said how.
func newFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{t: t, github: githubtest.New(), redis: startRedis(t), pats: map[string]string{"octo-bot": newToken(), "hubot": newToken()}}
	t.Cleanup(f.github.Close)
	for _, repo := range []string{"acme/web", "acme/api"} {
		f.github.AddRepo(repo, repo == "acme/api")
		f.github.AddIssue(repo, "The menu loads twice")
	}
	for login, token := range f.pats {
		f.github.AddUser(login, token)
		f.github.Grant(login, "acme/web")
		f.github.Grant(login, "acme/api")
	}
	return f
}

// start starts both octopools, each with these credentials.
func (f *fleet) start(bin string, one, two []string) {
	f.one, f.two = f.member(bin, one), f.member(bin, two)
}

func (f *fleet) member(bin string, credentials []string) *member {
	f.t.Helper()
	dir := f.t.TempDir()
	m := &member{t: f.t, bin: bin, data: filepath.Join(dir, "data"), token: newToken()}
	roots, config := filepath.Join(dir, "github.pem"), filepath.Join(dir, "octopool.toml")
	environ := []string{"PATH=" + os.Getenv("PATH"), "SSL_CERT_FILE=" + roots, "CI_TOKEN=" + m.token}
	text := fmt.Sprintf("[[github]]\nhost = \"github.com\"\ndial = %q\nca_file = %q\nlimits = { points_per_minute = 0 }\n\n[cache]\nbackend = \"redis\"\nurl = %q\n\n", f.github.Addr(), roots, "redis://"+f.redis.addr)
	text += "[[client]]\nname = \"ci\"\ntoken = \"env:CI_TOKEN\"\n" + f.ci + "\n"
	for i, login := range credentials {
		text += fmt.Sprintf("[[credential]]\nname = %q\npat = \"env:PAT_%d\"\n\n", login, i)
		environ = append(environ, fmt.Sprintf("PAT_%d=%s", i, f.pats[login]))
	}
	m.daemon = newDaemon(f.t, filepath.Join(bin, "octopool"), config, environ)
	text = fmt.Sprintf("data_dir = %q\n\n[proxy]\nlisten = %q\n\n[admin]\nlisten = %q\n\n", m.data, m.proxyAt, m.adminAt) + text
	for file, content := range map[string]string{roots: string(f.github.CAPEM()), config: text} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			f.t.Fatal(err)
		}
	}
	if err := m.daemon.start(); err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(m.leave)
	return m
}

// leave ends an octopool as an operator does.
func (m *member) leave() {
	if err := m.signal("TERM"); err != nil {
		m.t.Error(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTime) // the test's own is over by now
	defer cancel()
	if status := m.wait(ctx); status != "exited 0" {
		m.t.Errorf("after a SIGTERM octopool %s\n%s", status, m.log())
	}
}

// curl runs the real one as client ci, and returns what it prints.
func (m *member) curl(args ...string) string {
	m.t.Helper()
	args = append([]string{"-sS", "--proxy", "http://" + m.proxyAt, "--cacert", filepath.Join(m.data, "ca.pem"), "-H", "Authorization: Bearer " + m.token}, args...)
	cmd := exec.CommandContext(m.t.Context(), "curl", args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		m.t.Errorf("curl %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}

// get asks the API, path by path, and returns each answer's body and status.
func (m *member) get(paths ...string) (answers []string) {
	m.t.Helper()
	for _, path := range paths {
		answers = append(answers, m.curl("-w", "\n%{http_code}", "https://api.github.com"+path))
	}
	return answers
}

// octopool runs one of its commands, and returns its standard output.
func (m *member) octopool(args ...string) string {
	m.t.Helper()
	cmd := exec.CommandContext(m.t.Context(), filepath.Join(m.bin, "octopool"), append(args, "--config", m.config)...)
	cmd.Env = []string{}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		m.t.Errorf("octopool %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}

// ask is what an octopool tells of itself at a path of its admin API.
func (m *member) ask(path string, into any) {
	m.t.Helper()
	cmd := exec.CommandContext(m.t.Context(), "curl", "-sS", "--fail", "--noproxy", "*", "http://"+m.adminAt+path)
	out, err := cmd.Output()
	if text, ok := into.(*string); ok && err == nil {
		*text = string(out)
	} else if err == nil {
		err = json.Unmarshal(out, into)
	}
	if err != nil {
		m.t.Fatalf("%s: %v", path, err)
	}
}

// stored is how many representations this octopool has put into Redis.
func (m *member) stored() int { return m.metric("octopool_store_entries") }

// metric is the value of a metric without labels.
func (m *member) metric(name string) int {
	m.t.Helper()
	var text string
	m.ask("/metrics", &text)
	found := regexp.MustCompile(`(?m)^` + name + ` (\d+)$`).FindStringSubmatch(text)
	if found == nil {
		m.t.Fatalf("no %s in\n%s", name, text)
	}
	n, err := strconv.Atoi(found[1])
	if err != nil {
		m.t.Fatal(err)
	}
	return n
}

// saw is what GitHub has seen since it was last asked, a line each; what the pools ask for
// themselves is left out.
func (f *fleet) saw() (lines []string) {
	all := f.github.Seen()
	for _, one := range all[f.shown:] {
		if !isPools(one.Header) {
			lines = append(lines, told(one))
		}
	}
	f.shown = len(all)
	return lines
}

// eventually waits for what octopools tell each other every second.
func (f *fleet) eventually(what string, holds func() bool) {
	f.t.Helper()
	const patience = 20 * time.Second
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); !holds(); <-tick.C {
		if time.Since(began) > patience {
			f.t.Fatalf("waited in vain until %s\n%s\n%s", what, f.one.log(), f.two.log())
		}
	}
}

// A redisServer is a real one. What it has is in memory, and goes with it.
type redisServer struct {
	t    *testing.T
	addr string
	dir  string
	cmd  *exec.Cmd
}

func startRedis(t *testing.T) *redisServer {
	t.Helper()
	s := &redisServer{t: t, addr: freeAddr(t), dir: t.TempDir()}
	s.start()
	t.Cleanup(s.kill)
	return s
}

// start starts it, anew on the same port, and returns once it listens.
func (s *redisServer) start() {
	s.t.Helper()
	host, port, _ := net.SplitHostPort(s.addr)
	s.cmd = exec.Command("redis-server", "--port", port, "--bind", host, "--save", "", "--rdbcompression", "no", "--dir", s.dir)
	out, err := s.cmd.StdoutPipe()
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		s.t.Fatalf("this test runs a real redis-server: %v", err)
	}
	var said strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		fmt.Fprintln(&said, lines.Text())
		if strings.Contains(lines.Text(), "Ready to accept connections") {
			go io.Copy(io.Discard, out) // ends when the server does
			return
		}
	}
	s.t.Fatalf("redis-server did not start:\n%s", said.String())
}

func (s *redisServer) kill() {
	s.cmd.Process.Kill()
	s.cmd.Wait()
}

func (s *redisServer) signal(what syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(what); err != nil {
		s.t.Fatal(err)
	}
}

// content is all that it has, as it would write it to disk.
func (s *redisServer) content() []byte {
	s.t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "SAVE\r\n")
	if line, err := bufio.NewReader(c).ReadString('\n'); err != nil || line != "+OK\r\n" {
		s.t.Fatalf("SAVE: %s %v", line, err)
	}
	text, err := os.ReadFile(filepath.Join(s.dir, "dump.rdb"))
	if err != nil {
		s.t.Fatal(err)
	}
	return text
}

// count is how many lines match.
func count(lines []string, pattern string) int {
	re := regexp.MustCompile(pattern)
	return len(slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return !re.MatchString(line) }))
}

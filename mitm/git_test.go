package mitm_test

import (
	"bufio"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"octopool/policy"
)

// git runs the real git through the proxy, with an empty home, and returns what it
// printed, where the test's folders have no names.
func (s *setup) git(t *testing.T, args ...string) (string, error) {
	t.Helper()
	out, err := s.gitCommand(t, args...).CombinedOutput()
	return strings.ReplaceAll(string(out), s.home(t), ""), err
}

func (s *setup) gitCommand(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	home := filepath.Join(s.home(t), "home")
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = s.home(t)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=A", "GIT_COMMITTER_EMAIL=a@example.com",
		"HTTPS_PROXY=http://" + s.addr, "GIT_SSL_CAINFO=" + filepath.Join(s.home(t), "ca.pem"),
	}
	return cmd
}

// home is the folder of one setup's git.
func (s *setup) home(t *testing.T) string {
	t.Helper()
	if s.gitHome == "" {
		s.gitHome = t.TempDir()
		if err := os.WriteFile(filepath.Join(s.gitHome, "ca.pem"), s.authority.RootPEM(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return s.gitHome
}

// mustGit is git for what has to go well.
func (s *setup) mustGit(t *testing.T, args ...string) string {
	t.Helper()
	out, err := s.git(t, args...)
	if err != nil {
		t.Fatalf("git %s: %v\n%s\n%s", strings.Join(args, " "), err, out, s.logged())
	}
	return out
}

// gitURL is a repository's URL for who shows this token when asked for one.
func gitURL(token, repo string) string {
	return "https://x-access-token:" + token + "@github.com/" + repo
}

// gitSeen is what GitHub saw, a line each: method, what of, status, and as whom by which
// form of Authorization.
func (s *setup) gitSeen() []string {
	var all []string
	for _, one := range s.github.Seen() {
		if one.Host != "github.com" {
			continue
		}
		form, _, _ := strings.Cut(one.Header.Get("Authorization"), " ")
		what := one.Path[strings.LastIndex(one.Path, "/")+1:]
		if one.Query != "" {
			what = strings.TrimPrefix(one.Query, "service=") + " discovery"
		}
		all = append(all, strings.TrimSpace(strings.Join([]string{one.Method, what, http.StatusText(one.Status), one.Login, form}, " ")))
	}
	s.github.ResetSeen()
	return all
}

func checkGitSeen(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("GitHub saw\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// withBlind adds user mole, who sees no private repository, as the credential that is first
// by name.
func withBlind(p *plan) {
	p.github.AddUser("mole", "ghp_mole")
	p.credentials = append(p.credentials, credential("a-mole", "ghp_mole"))
}

// A read that one credential gets a 404 for is asked with the next, and what follows begins
// with the one that saw it. Whoever asks is known to GitHub by Basic alone.
func TestReadGoesToTheNextCredential(t *testing.T) {
	s := start(t, withBlind)
	s.mustGit(t, "-c", "http.extraheader=Authorization: bearer "+ciToken, "clone", "-q", "https://github.com/acme/api", "api")
	checkGitSeen(t, s.gitSeen(),
		"GET git-upload-pack discovery Not Found mole Basic",
		"GET git-upload-pack discovery OK octo-bot Basic",
		"POST git-upload-pack OK octo-bot Basic",
		"POST git-upload-pack OK octo-bot Basic")
	s.mustGit(t, "-C", "api", "-c", "http.extraheader=Authorization: token "+ciToken, "fetch", "-q")
	checkGitSeen(t, s.gitSeen(), "GET git-upload-pack discovery OK octo-bot Basic", "POST git-upload-pack OK octo-bot Basic")
}

// What the body asks goes along to the next credential.
func TestReadWithBodyGoesToTheNextCredential(t *testing.T) {
	s := start(t, withBlind)
	const batch = `{"operation":"download","transfers":["basic"],"objects":[{"oid":"` + emptyDigest + `","size":0}]}`
	got := do(t, s.client(ciToken), http.MethodPost, "https://github.com/acme/api.git/info/lfs/objects/batch", batch, "Content-Type", "application/vnd.git-lfs+json")
	if got.status != http.StatusOK || !strings.Contains(got.body, emptyDigest) {
		t.Errorf("%d %s", got.status, got.body)
	}
	checkGitSeen(t, s.gitSeen(), "POST batch Not Found mole Basic", "POST batch OK octo-bot Basic")
	for _, one := range s.github.Seen() {
		if string(one.Body) != batch {
			t.Errorf("%s was asked %q", one.Login, one.Body)
		}
	}
}

const emptyDigest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// What nobody sees is a 404 in GitHub's words, after everybody was asked.
func TestReadThatNobodySees(t *testing.T) {
	s := start(t, withBlind)
	s.github.AddRepo("acme/vault", true)
	out, err := s.git(t, "-c", "http.extraheader=Authorization: bearer "+ciToken, "ls-remote", "https://github.com/acme/vault")
	if err == nil || out != "remote: Repository not found.\nfatal: repository 'https://github.com/acme/vault/' not found\n" {
		t.Errorf("%v, %s", err, out)
	}
	checkGitSeen(t, s.gitSeen(), "GET git-upload-pack discovery Not Found mole Basic", "GET git-upload-pack discovery Not Found octo-bot Basic")
}

// A push has one author: what that one may not, nobody else is asked to do.
func TestPushIsNotAskedOfAnother(t *testing.T) {
	s := start(t, withBlind)
	s.github.AddRepo("acme/vault", true) // which no credential sees, whoever the author is
	s.mustGit(t, "init", "-q", "work")
	s.mustGit(t, "-C", "work", "commit", "-q", "--allow-empty", "-m", "x")
	out, err := s.git(t, "-C", "work", "push", "-q", gitURL(ciToken, "acme/vault"), "HEAD:refs/heads/new")
	if err == nil || !strings.Contains(out, "remote: Repository not found.") {
		t.Errorf("%v, %s", err, out)
	}
	if seen := s.gitSeen(); len(seen) != 2 || seen[0] != "GET git-receive-pack discovery Unauthorized" || !strings.Contains(seen[1], "Not Found") {
		t.Errorf("GitHub saw %q", seen)
	}
}

// With anonymous = client:NAME public reads are authenticated. What that client may not
// have, or its credentials do not see, git is asked for its own token for.
func TestAnonymousClient(t *testing.T) {
	scope, err := policy.ParseScope("git:read acme/{web,vault}")
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, withRules(func(r *policy.Rules) {
		r.Anonymous, r.Clients[1].Scopes = "client:ops", []policy.Scope{scope}
	}))
	s.github.AddRepo("acme/vault", true)
	s.mustGit(t, "clone", "-q", "https://github.com/acme/web", "public")
	checkGitSeen(t, s.gitSeen(),
		"GET git-upload-pack discovery OK octo-bot Basic", "POST git-upload-pack OK octo-bot Basic", "POST git-upload-pack OK octo-bot Basic")

	s.mustGit(t, "clone", "-q", gitURL(ciToken, "acme/api"), "private")
	checkGitSeen(t, s.gitSeen(),
		"GET git-upload-pack discovery OK octo-bot Basic", "POST git-upload-pack OK octo-bot Basic", "POST git-upload-pack OK octo-bot Basic")

	s.github.Grant("octo-bot", "acme/web")
	s.mustGit(t, "-C", "public", "commit", "-q", "--allow-empty", "-m", "x")
	s.mustGit(t, "-C", "public", "push", "-q", gitURL(ciToken, "acme/web"), "HEAD:refs/heads/new")
	checkGitSeen(t, s.gitSeen(), "GET git-receive-pack discovery OK octo-bot Basic", "POST git-receive-pack OK octo-bot Basic")

	got := get(t, s.client(""), "https://github.com/acme/vault/info/refs?service=git-upload-pack")
	if got.status != http.StatusUnauthorized || got.header.Get("Www-Authenticate") != `Basic realm="GitHub"` {
		t.Errorf("what its credentials do not see: %d %v", got.status, got.header)
	}
}

// A push that is refused only when its pack comes says why all the same. Here the
// credential is lost between the discovery and the push, in git's own hook.
func TestRefusedAtThePushItself(t *testing.T) {
	s := start(t)
	lost := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		s.github.Revoke("ghp_bot")
		get(t, s.client(ciToken), "https://api.github.com/user") // which tells octopool
	}))
	defer lost.Close()
	s.mustGit(t, "init", "-q", "work")
	hook := filepath.Join(s.home(t), "work", ".git", "hooks", "pre-push")
	if err := os.MkdirAll(filepath.Dir(hook), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(hook, []byte("#!/bin/sh\ncurl -s --noproxy '*' "+lost.URL+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.mustGit(t, "-C", "work", "commit", "-q", "--allow-empty", "-m", "x")
	out, err := s.git(t, "-C", "work", "push", "-q", gitURL(ciToken, "acme/api"), "HEAD:refs/heads/new")
	const want = "remote: octopool: no credential of pool default is in service: GitHub answered 401 Bad credentials        \n" +
		"To https://github.com/acme/api\n" +
		" ! [remote rejected] HEAD -> new (refused by octopool)\n" +
		"error: failed to push some refs to 'https://github.com/acme/api'\n"
	if err == nil || out != want {
		t.Errorf("%v\n%s\nwant\n%s", err, out, want)
	}
	checkGitSeen(t, s.gitSeen(), "GET git-receive-pack discovery Unauthorized", "GET git-receive-pack discovery OK octo-bot Basic")
	if !strings.Contains(s.metrics(), `octopool_requests_total{client="ci",kind="git",method="POST",code="200",outcome="refused"} 1`) {
		t.Errorf("it is not counted as refused:\n%s", s.metrics())
	}
}

// A refused push is told in the side band whatever the HTTP version, and one that is none,
// like git's question whether it may send a large pack, by its status.
func TestRefusedPushBySize(t *testing.T) {
	s := start(t, withScopes("git:read acme/*"))
	zero := strings.Repeat("0", 40)
	command := "00960000000000000000000000000000000000000000 " + zero + " refs/heads/main\x00 report-status side-band-64k agent=git/2.39.5 object-format=sha1"
	command = pkt(command[4:])
	const why = "octopool: client ci may not POST /acme/web.git/git-receive-pack: it needs the scope git:write acme/web"
	told := pkt("\x02"+why+"\n") + pkt("\x01"+pkt("unpack ok\n")+pkt("ng refs/heads/main refused by octopool\n")+"0000") + "0000"
	for name, c := range map[string]*http.Client{"HTTP/2": s.client(ciToken), "HTTP/1.1": s.client(ciToken, overHTTP1)} {
		for body, want := range map[string]string{
			command + "0000PACK" + strings.Repeat("x", 100<<10): told,
			command + "0000": told,
			"0000":           why + "\n",
			command:          why + "\n",
			"nonsense":       why + "\n",
		} {
			got := do(t, c, http.MethodPost, "https://github.com/acme/web.git/git-receive-pack", body, "Content-Type", "application/x-git-receive-pack-request")
			status := http.StatusForbidden
			if want == told {
				status = http.StatusOK
			}
			if got.body != want || got.status != status {
				t.Errorf("%s, %.20q: %d %q, want %d %q", name, body, got.status, got.body, status, want)
			}
		}
	}
	if seen := s.gitSeen(); len(seen) > 0 {
		t.Errorf("GitHub saw %v", seen)
	}
}

func pkt(line string) string {
	const digits = "0123456789abcdef"
	n := len(line) + 4
	return string([]byte{digits[n>>12&15], digits[n>>8&15], digits[n>>4&15], digits[n&15]}) + line
}

// A refusal that nobody read a body for keeps its connection, and the next request on it is
// answered.
func TestRefusedBodyKeepsTheConnection(t *testing.T) {
	s := start(t, withScopes("git:read acme/*"))
	c := s.client(ciToken, overHTTP1)
	unread := strings.Repeat("GET /acme/web/info/refs?service=git-upload-pack HTTP/1.1\r\nHost: github.com\r\n\r\n", 2<<10)
	for n := range 20 {
		again := n == 0
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { again = again || i.Reused }})
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://github.com/acme/web.git/git-receive-pack", strings.NewReader(unread))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.StatusCode != http.StatusForbidden || !again {
			t.Errorf("%d, on the same connection: %v", resp.StatusCode, again)
		}
	}
	if seen := s.gitSeen(); len(seen) > 0 {
		t.Errorf("GitHub saw %v", seen)
	}
}

// What the server says while it works is shown while it works.
func TestProgressAsItComes(t *testing.T) {
	for _, version := range []string{"HTTP/1.1", "HTTP/2"} {
		s := start(t)
		shown := make(chan struct{})
		s.github.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, "/git-receive-pack") {
				return false
			}
			io.Copy(io.Discard, r.Body)
			io.WriteString(w, pkt("\x02working\n"))
			http.NewResponseController(w).Flush()
			select {
			case <-shown:
			case <-r.Context().Done():
			}
			io.WriteString(w, pkt("\x01"+pkt("unpack ok\n")+pkt("ok refs/heads/new\n")+"0000")+"0000")
			return true
		})
		s.mustGit(t, "init", "-q", "work")
		s.mustGit(t, "-C", "work", "commit", "-q", "--allow-empty", "-m", "x")
		cmd := s.gitCommand(t, "-C", "work", "-c", "http.version="+version, "push", gitURL(ciToken, "acme/api"), "HEAD:refs/heads/new")
		stderr, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), "remote: working") {
				close(shown) // or GitHub waits for ever
			}
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v", version, err)
		}
	}
}

// An LFS batch is a read or a write by what is in it.
func TestBatchByOperation(t *testing.T) {
	s := start(t, withScopes("git:read acme/*"))
	const url = "https://github.com/acme/web.git/info/lfs/objects/batch"
	for operation, status := range map[string]int{"download": 200, "upload": 403} {
		got := do(t, s.client(ciToken), http.MethodPost, url, `{"operation":"`+operation+`","objects":[]}`)
		if got.status != status {
			t.Errorf("%s: %d %s", operation, got.status, got.body)
		}
	}
	checkGitSeen(t, s.gitSeen(), "POST batch OK octo-bot Basic")
	basic := base64.StdEncoding.EncodeToString([]byte("any:" + ciToken))
	if got := do(t, s.client(""), http.MethodPost, url, "not even JSON", "Authorization", "Basic "+basic); got.status != http.StatusForbidden || !strings.Contains(got.body, "git:write acme/web") {
		t.Errorf("%d %s", got.status, got.body)
	}
}

package githubtest

import (
	"fmt"
	"strings"
	"testing"
)

// A step is one line of sh, what it has to print, and what the server has to have seen.
type step struct {
	line string
	want string // standard output and standard error
	fail bool   // the line is to end with an error
	seen string // request lines; not looked at when empty
}

// play takes steps one after the other.
func (sh shell) play(s *Server, steps []step) {
	sh.t.Helper()
	for _, step := range steps {
		s.ResetSeen()
		got, ok := sh.try(step.line)
		if strings.TrimSpace(got) != strings.TrimSpace(step.want) || ok == step.fail {
			sh.t.Errorf("$ %s\n%s\n(went well: %v) want\n%s", step.line, got, ok, step.want)
		}
		if want := strings.TrimSpace(step.seen); want != "" && seenLines(s) != want {
			sh.t.Errorf("$ %s\nserver saw\n%s\nwant\n%s", step.line, seenLines(s), want)
		}
	}
}

func seenLines(s *Server) string {
	var lines []string
	for _, seen := range s.Seen() {
		lines = append(lines, seen.String())
	}
	return strings.Join(lines, "\n")
}

// git shows no credential until it is asked for one: never for what is public.
func TestGitAsksBeforeItShowsACredential(t *testing.T) {
	s := start(t)
	newShell(t, s, "").play(s, []step{
		{line: "git clone https://x:ghp_bot@github.com/acme/web web && cat web/README.md", want: "Cloning into 'web'...\n# web\n\nThe web of acme", seen: `
GET github.com/acme/web/info/refs?service=git-upload-pack 200  0
POST github.com/acme/web/git-upload-pack 200  0
POST github.com/acme/web/git-upload-pack 200  0`},
		{line: "git clone https://x:ghp_bot@github.com/acme/api.git && git -C api log --format=%s", want: "Cloning into 'api'...\nInitial commit", seen: `
GET github.com/acme/api.git/info/refs?service=git-upload-pack 401  0
GET github.com/acme/api.git/info/refs?service=git-upload-pack 200 octo-bot 0
POST github.com/acme/api.git/git-upload-pack 200 octo-bot 0
POST github.com/acme/api.git/git-upload-pack 200 octo-bot 0`},
		{line: "git clone https://github.com/acme/api two", fail: true, want: "Cloning into 'two'...\nfatal: could not read Username for 'https://github.com': terminal prompts disabled", seen: `
GET github.com/acme/api/info/refs?service=git-upload-pack 401  0`},
		{line: "git clone https://github.com/acme/none", fail: true, want: "Cloning into 'none'...\nfatal: could not read Username for 'https://github.com': terminal prompts disabled", seen: `
GET github.com/acme/none/info/refs?service=git-upload-pack 401  0`},
	})
	challenge := ask(t, s, "GET", "https://github.com/acme/api/info/refs?service=git-upload-pack", "")
	if challenge.StatusCode != 401 || challenge.Header.Get("Www-Authenticate") != `Basic realm="GitHub"` {
		t.Errorf("%d %v", challenge.StatusCode, challenge.Header)
	}
}

// A credential that does not open a repository turns the 401 into a 404, after
// which git asks nobody for a better one. One that is no credential at all is a
// 401, which a public repository gives too when it is shown without being asked for.
func TestGitWrongCredentials(t *testing.T) {
	s := start(t)
	newShell(t, s, "").play(s, []step{
		{line: "git clone https://x:github_pat_hubot@github.com/acme/api", fail: true, want: "Cloning into 'api'...\nremote: Repository not found.\nfatal: repository 'https://github.com/acme/api/' not found", seen: `
GET github.com/acme/api/info/refs?service=git-upload-pack 401  0
GET github.com/acme/api/info/refs?service=git-upload-pack 404 hubot 0`},
		{line: "git clone https://x:wrong@github.com/acme/api", fail: true, want: "Cloning into 'api'...\nremote: Invalid username or token. Password authentication is not supported for Git operations.\nfatal: Authentication failed for 'https://github.com/acme/api/'", seen: `
GET github.com/acme/api/info/refs?service=git-upload-pack 401  0
GET github.com/acme/api/info/refs?service=git-upload-pack 401  0`},
		{line: "git clone https://x:wrong@github.com/acme/web", want: "Cloning into 'web'..."},
		{line: "git -c http.extraheader='Authorization: " + basic("x", "wrong") + "' clone https://github.com/acme/web two", fail: true,
			want: "Cloning into 'two'...\nfatal: could not read Username for 'https://github.com': terminal prompts disabled", seen: `
GET github.com/acme/web/info/refs?service=git-upload-pack 401  0`},
		{line: "git -c http.extraheader='Authorization: Bearer ghp_bot' clone https://github.com/acme/web three", fail: true,
			want: "Cloning into 'three'...\nfatal: could not read Username for 'https://github.com': terminal prompts disabled"},
	})
}

// actions/checkout shows its token at once, as the password, with a scheme in lower case.
func TestGitExtraHeader(t *testing.T) {
	s := start(t)
	header := "AUTHORIZATION: basic " + strings.TrimPrefix(basic("x-access-token", "ghp_bot"), "Basic ")
	newShell(t, s, "").play(s, []step{{
		line: "git -c http.https://github.com/.extraheader='" + header + "' clone https://github.com/acme/api", want: "Cloning into 'api'...", seen: `
GET github.com/acme/api/info/refs?service=git-upload-pack 200 octo-bot 0
POST github.com/acme/api/git-upload-pack 200 octo-bot 0
POST github.com/acme/api/git-upload-pack 200 octo-bot 0`,
	}})
}

// A push needs a credential that may, and the API knows at once what it brought.
func TestGitPush(t *testing.T) {
	s := start(t)
	s.AddPull("acme/web", "pull")
	sh := newShell(t, s, "")
	sh.run("git clone -q https://github.com/acme/web && cd web && git checkout -q change-1 && echo more >more.txt && git add . && git commit -qm more")
	sh.play(s, []step{
		{line: "cd web && git push origin change-1", fail: true, want: "fatal: could not read Username for 'https://github.com': terminal prompts disabled", seen: `
GET github.com/acme/web/info/refs?service=git-receive-pack 401  0`},
		{line: "cd web && git push https://x:github_pat_hubot@github.com/acme/web change-1", fail: true,
			want: "remote: Permission to acme/web.git denied to hubot.\nfatal: unable to access 'https://github.com/acme/web/': The requested URL returned error: 403"},
		{line: "cd web && git push -q https://x:ghp_bot@github.com/acme/web change-1", seen: `
GET github.com/acme/web/info/refs?service=git-receive-pack 401  0
GET github.com/acme/web/info/refs?service=git-receive-pack 200 octo-bot 0
POST github.com/acme/web/git-receive-pack 200 octo-bot 0`},
		{line: "cd web && git push -q https://x:ghp_bot@github.com/acme/web HEAD:refs/heads/new && git ls-remote origin 'refs/*/new' | cut -f2", want: "refs/heads/new"},
	})
	head := strings.TrimSpace(sh.run("git -C web rev-parse HEAD"))
	for _, revision := range []string{"change-1", "refs/pull/1/head", "new"} {
		if got := shaOf(s, "acme/web", revision); got != head {
			t.Errorf("%s is at %s, not %s", revision, got, head)
		}
	}
	if files := get(t, s, "/repos/acme/web/pulls/1/files").body; !strings.Contains(files, `"filename":"more.txt"`) {
		t.Errorf("files of the pull request: %s", files)
	}
}

// Bodies come in every shape git has: gzip'd when they ask for much, and after a
// probe of four bytes, without a length, when they bring much.
func TestGitBodies(t *testing.T) {
	for _, version := range []string{"HTTP/1.1", "HTTP/2"} {
		t.Run(version, func(t *testing.T) {
			s := start(t)
			for n := range 30 {
				s.AddPull("acme/web", fmt.Sprint(n))
			}
			sh := newShell(t, s, "")
			sh.run("git config --global http.version " + version)
			sh.run("git clone -q https://github.com/acme/web")
			zipped := 0
			for _, seen := range s.Seen() {
				if seen.Header.Get("Content-Encoding") == "gzip" && seen.Status == 200 {
					zipped++
				}
				if proto := strings.TrimSuffix(seen.Proto, ".0"); proto != version {
					t.Errorf("%s: %s", seen, seen.Proto)
				}
			}
			if zipped != 1 {
				t.Errorf("%d zipped requests\n%s", zipped, seenLines(s))
			}
			s.ResetSeen()
			sh.run("cd web && head -c 3000000 /dev/urandom >big && git add big && git commit -qm big && git push -q https://x:ghp_bot@github.com/acme/web HEAD:big")
			var posts []string
			for _, seen := range s.Seen() {
				if seen.Method == "POST" {
					posts = append(posts, fmt.Sprint(seen.Status, " ", seen.BodyLength > 3000000, " ", string(seen.Body[:4]), seen.Header.Get("Content-Length") == ""))
				}
			}
			if len(posts) != 2 || posts[0] != "200 false 0000false" || !strings.HasPrefix(posts[1], "200 true ") || !strings.HasSuffix(posts[1], "true") {
				t.Errorf("%q", posts)
			}
		})
	}
}

// git follows a rename, with its first request only.
func TestGitRename(t *testing.T) {
	s := start(t)
	s.Rename("acme/web", "acme/site")
	s.Rename("acme/api", "acme/core")
	newShell(t, s, "").play(s, []step{
		{line: "git clone https://github.com/acme/web", want: "Cloning into 'web'...\nwarning: redirecting to https://github.com/acme/site.git/", seen: `
GET github.com/acme/web/info/refs?service=git-upload-pack 301  0
GET github.com/acme/site.git/info/refs?service=git-upload-pack 200  0
POST github.com/acme/site.git/git-upload-pack 200  0
POST github.com/acme/site.git/git-upload-pack 200  0`},
		{line: "git clone https://x:github_pat_hubot@github.com/acme/api", fail: true, want: "Cloning into 'api'...\nremote: Repository not found.\nfatal: repository 'https://github.com/acme/api/' not found"},
	})
}

// What WriteFile, AddPull and AddRelease do is in the repository.
func TestGitHistory(t *testing.T) {
	s := start(t)
	s.WriteFile("acme/web", "src/a.txt", "one\n")
	s.AddRelease("acme/web", "v1", nil)
	s.WriteFile("acme/web", "src/a.txt", "two\n")
	s.AddPull("acme/web", "Three")
	newShell(t, s, "").play(s, []step{
		{line: "git clone -q https://github.com/acme/web && cd web && git log --format='%s by %an' && cat src/a.txt",
			want: "Write src/a.txt by Mona Lisa\nWrite src/a.txt by Mona Lisa\nInitial commit by Mona Lisa\ntwo"},
		{line: "cd web && git show v1:src/a.txt && git log --format=%s main..origin/change-1 && git fetch -q origin pull/1/head && git show --format=%s --stat FETCH_HEAD",
			want: "one\nThree\nThree\n\n change-1.md | 1 +\n 1 file changed, 1 insertion(+)"},
	})
}

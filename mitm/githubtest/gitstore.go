package githubtest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// gitState is a repository's way to its bare repository on disk. Changes are
// queued as a git fast-import stream and written when git is first asked, so a
// test that never asks pays nothing.
type gitState struct {
	pending bytes.Buffer
	ahead   map[string]bool // branches that pending has commits for
	made    bool
	refs    []ref // nil: ask git
}

// A ref is a branch, tag or pull request head and the commit it points at.
type ref struct{ name, sha string }

const committer = "Mona Lisa <mona@github.com>"

// commit queues one commit that writes one file. Dates are fixed, so object ids
// are the same in every run.
func (g *gitState) commit(branch, from, message, path, content string) {
	fmt.Fprintf(&g.pending, "commit %s\ncommitter %s 1767603600 +0000\ndata %d\n%s\n", branch, committer, len(message), message)
	if from == branch {
		from += "^0" // what it is on disk
	}
	if from != "" && !g.ahead[branch] { // else it goes on where the stream has it
		fmt.Fprintf(&g.pending, "from %s\n", from)
	}
	fmt.Fprintf(&g.pending, "M 100644 inline %s\ndata %d\n%s\n\n", path, len(content), content)
	if g.ahead == nil {
		g.ahead = map[string]bool{}
	}
	g.ahead[branch], g.refs = true, nil
}

func (g *gitState) reset(name, to string) {
	fmt.Fprintf(&g.pending, "reset %s\nfrom %s\n\n", name, to)
	g.refs = nil
}

func (g *gitState) firstCommit(r *repo) {
	g.commit("refs/heads/main", "", "Initial commit\n", "README.md", "# "+r.name+"\n\n"+r.description+"\n")
}

func (g *gitState) pullCommit(i *issue) {
	head := "refs/heads/" + i.pull.head
	g.commit(head, "refs/heads/"+i.pull.base, i.title+"\n", fmt.Sprintf("change-%d.md", i.number), i.title+"\n")
	g.reset(fmt.Sprintf("refs/pull/%d/head", i.number), head)
}

func (g *gitState) tag(name string) { g.reset("refs/tags/"+name, "refs/heads/main") }

// WriteFile commits one file to main, which becomes its parent.
func (s *Server) WriteFile(fullName, path, content string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.mustRepo(fullName)
	r.git.commit("refs/heads/main", "refs/heads/main", "Write "+path+"\n", path, content)
	r.updated = s.tick()
	s.flushIfRooted(r)
}

// gitDir is the bare repository's folder. Names are in lower case because
// GitHub finds a repository under any case.
func (s *Server) gitDir(r *repo) string {
	return filepath.Join(s.gitRoot, strings.ToLower(r.owner.login), strings.ToLower(r.name)+".git")
}

func (s *Server) flushIfRooted(r *repo) {
	if s.gitRoot != "" {
		s.flush(r)
	}
}

// flush brings the bare repository up to date. It panics when git cannot, since
// then the machine lacks what these tests are about. The caller holds s.mu.
func (s *Server) flush(r *repo) {
	if s.gitRoot == "" {
		dir, err := os.MkdirTemp("", "githubtest-")
		if err != nil {
			panic(fmt.Sprintf("githubtest: %v", err))
		}
		s.gitRoot, s.ownGitRoot = dir, true
	}
	dir := s.gitDir(r)
	if !r.git.made {
		mustGit(nil, "init", "--quiet", "--bare", "--template=", "--initial-branch=main", dir)
		configureGit(dir)
		r.git.made = true
	}
	if r.git.pending.Len() > 0 {
		mustGit(r.git.pending.Bytes(), "-C", dir, "fast-import", "--quiet")
		r.git.pending.Reset()
		r.git.ahead = nil
	}
}

// configureGit lets clients push, and fetch what they name.
func configureGit(dir string) {
	const lines = "[http]\n\treceivepack = true\n[uploadpack]\n\tallowFilter = true\n\tallowAnySHA1InWant = true\n"
	config, err := os.OpenFile(filepath.Join(dir, "config"), os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = config.WriteString(lines)
		err = errors.Join(err, config.Close())
	}
	if err != nil {
		panic(fmt.Sprintf("githubtest: %v", err))
	}
}

func moveGit(from, to string) {
	if from == to {
		return
	}
	err := os.MkdirAll(filepath.Dir(to), 0o755)
	if err == nil {
		err = os.Rename(from, to)
	}
	if err != nil {
		panic(fmt.Sprintf("githubtest: %v", err))
	}
}

func mustGit(input []byte, args ...string) {
	if out, err := runGit(input, args...); err != nil {
		panic(fmt.Sprintf("githubtest: git %s: %v: %s", args[0], err, out))
	}
}

// runGit runs git without the configuration of whoever runs the test.
func runGit(input []byte, args ...string) ([]byte, error) {
	cmd := exec.Command("git", args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, gitEnv...)
	cmd.Stdin = bytes.NewReader(input)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stderr.Bytes(), err
	}
	return stdout.Bytes(), nil
}

var gitEnv = []string{
	"HOME=/nonexistent", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "LC_ALL=C",
	"GIT_AUTHOR_DATE=1767603600 +0000", "GIT_COMMITTER_DATE=1767603600 +0000", // so that object ids are the same in every run
	"GIT_AUTHOR_NAME=Mona Lisa", "GIT_AUTHOR_EMAIL=mona@github.com",
	"GIT_COMMITTER_NAME=Mona Lisa", "GIT_COMMITTER_EMAIL=mona@github.com",
	"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*",
}

// git asks the bare repository something. A revision comes from a request, so
// callers pass what could be an option behind --end-of-options.
func (s *Server) git(r *repo, args ...string) ([]byte, bool) {
	s.flush(r)
	out, err := runGit(nil, append([]string{"-C", s.gitDir(r)}, args...)...)
	return out, err == nil
}

// refs lists every ref, by name.
func (s *Server) refs(r *repo) []ref {
	if r.git.refs == nil {
		out, _ := s.git(r, "for-each-ref", "--format=%(objectname) %(refname)")
		for line := range strings.Lines(string(out)) {
			sha, name, _ := strings.Cut(strings.TrimSpace(line), " ")
			r.git.refs = append(r.git.refs, ref{name, sha})
		}
	}
	return r.git.refs
}

// sha resolves a branch, tag, commit id or HEAD to a commit.
func (s *Server) sha(r *repo, revision string) (string, bool) {
	if revision == "" || revision == "HEAD" {
		revision = "refs/heads/main"
	}
	for _, prefix := range []string{"", "refs/heads/", "refs/tags/", "refs/"} {
		for _, candidate := range s.refs(r) {
			if candidate.name == prefix+revision {
				return candidate.sha, true
			}
		}
	}
	out, found := s.git(r, "rev-parse", "--verify", "--quiet", "--end-of-options", revision+"^{commit}")
	return strings.TrimSpace(string(out)), found
}

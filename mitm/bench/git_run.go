package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// gitEnvironment is that of a git whose own work is as little as it can be: what it packs
// cannot be compressed, and it should not try.
func gitEnvironment(dir, version string) []string {
	env := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "LC_ALL=C",
		"GIT_AUTHOR_NAME=Bench", "GIT_AUTHOR_EMAIL=bench@example.com", "GIT_COMMITTER_NAME=Bench", "GIT_COMMITTER_EMAIL=bench@example.com",
	}
	config := []string{
		"core.bigFileThreshold", "1m", "core.compression", "0", "pack.compression", "0", "gc.auto", "0", "maintenance.auto", "false",
		"transfer.fsckObjects", "false", "http.version", version,
	}
	for i := 0; i < len(config); i += 2 {
		env = append(env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i/2, config[i]), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i/2, config[i+1]))
	}
	return append(env, fmt.Sprintf("GIT_CONFIG_COUNT=%d", len(config)/2))
}

// git runs git in dir.
func (w *gitWorld) git(ctx context.Context, dir string, stdin io.Reader, env []string, args ...string) error {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir, cmd.Stdin, cmd.Env = dir, stdin, append(env, w.env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("git %s: %w\n%s", strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}

// fill makes the source: one commit with files of 16 MiB of random bytes.
func (w *gitWorld) fill(ctx context.Context, size int) error {
	if err := w.git(ctx, w.dir, nil, nil, "init", "--quiet", "--bare", "--initial-branch=huge", w.source); err != nil {
		return err
	}
	random := rand.NewChaCha8([32]byte{1})
	stream, in := io.Pipe()
	go func() {
		_, err := fmt.Fprintf(in, "commit refs/heads/huge\ncommitter Bench <bench@example.com> 1767603600 +0000\ndata 5\nhuge\n\n")
		for at := 0; at < size && err == nil; at += 16 {
			n := int64(min(16, size-at)) << 20
			fmt.Fprintf(in, "M 100644 inline %d.bin\ndata %d\n", at, n)
			if _, err = io.CopyN(in, random, n); err == nil {
				_, err = io.WriteString(in, "\n")
			}
		}
		in.CloseWithError(err)
	}()
	defer stream.Close()
	return w.git(ctx, w.source, stream, nil, "fast-import", "--quiet")
}

// share gives the stand-in's repository all that the source has, without a copy.
func (w *gitWorld) share(ctx context.Context) error {
	bare := filepath.Join(w.dir, "github", hugeRepo+".git")
	alternates := filepath.Join(bare, "objects", "info", "alternates")
	if err := os.WriteFile(alternates, []byte(filepath.Join(w.source, "objects")+"\n"), 0o644); err != nil {
		return err
	}
	if err := w.git(ctx, bare, nil, nil, "config", "core.bigFileThreshold", "1m"); err != nil {
		return err
	}
	return w.git(ctx, bare, nil, nil, "fetch", "--quiet", w.source, "huge:huge")
}

// way are the variables by which git goes through an octopool, and shows its token at once.
func (w *gitWorld) way(o *octopool) []string {
	token, ca := o.token(0), filepath.Join(o.dir, "data", "ca.pem")
	if o.tunnels { // GitHub itself is at the other end
		token, ca = o.credentials[0].token(), filepath.Join(o.dir, "github.pem")
	}
	header := "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("x-access-token:"+token))
	return []string{
		"HTTPS_PROXY=" + o.at.Load().String(), "GIT_SSL_CAINFO=" + ca,
		// Beside those of gitEnvironment, which are counted.
		"GIT_CONFIG_PARAMETERS='http.extraheader'='" + header + "'",
	}
}

const gitHub = "https://github.com/"

// warm lets an octopool do once what it does, so that what it keeps for good it has.
func (w *gitWorld) warm(ctx context.Context, o *octopool) error {
	return w.git(ctx, w.dir, nil, w.way(o), "ls-remote", "--quiet", gitHub+hugeRepo)
}

// clone takes everything, and throws it away.
func (w *gitWorld) clone(ctx context.Context, o *octopool) (time.Duration, error) {
	target := filepath.Join(w.dir, "clone.git")
	defer os.RemoveAll(target)
	start := time.Now()
	err := w.git(ctx, w.dir, nil, w.way(o), "clone", "--quiet", "--bare", "--single-branch", "--branch", "huge", gitHub+hugeRepo, target)
	return time.Since(start), err
}

// push gives everything to a new repository, whose files it throws away.
func (w *gitWorld) push(ctx context.Context, o *octopool) (time.Duration, error) {
	w.pushes++
	name := fmt.Sprintf("acme/push-%d", w.pushes)
	w.addRepo(name, o.credentials[0].login)
	bare := filepath.Join(w.dir, "github", name+".git")
	defer os.RemoveAll(filepath.Join(bare, "objects"))
	if err := w.git(ctx, bare, nil, nil, "config", "receive.unpackLimit", "1"); err != nil {
		return 0, err
	}
	start := time.Now()
	err := w.git(ctx, w.source, nil, w.way(o), "push", "--quiet", gitHub+name, "huge")
	return time.Since(start), err
}

// A span is the least and the most of what was measured; the zero span is of nothing.
type span struct{ least, most float64 }

func (s *span) take(value float64) {
	if s.most == 0 || value < s.least {
		s.least = value
	}
	s.most = max(s.most, value)
}

// watchMemory takes a process's resident memory into a span, many times a second, until
// it is stopped.
func watchMemory(pid int, s *span) (stop func()) {
	done := make(chan struct{})
	var over sync.WaitGroup
	over.Go(func() {
		for {
			if resident, err := residentMemory(pid); err == nil {
				s.take(float64(resident))
			}
			select {
			case <-time.After(20 * time.Millisecond):
			case <-done:
				return
			}
		}
	})
	return func() { close(done); over.Wait() }
}

// residentMemory is what proc(5) says of a process, in bytes.
func residentMemory(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	words := strings.Fields(string(text))
	if len(words) < 2 {
		return 0, errors.New("statm is not as proc(5) has it")
	}
	pages, err := strconv.ParseInt(words[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}

// mostMemory is the most that a running process has had at once, in bytes; 0 where that
// cannot be read. What wait(2) tells of one that has ended counts whoever started it too.
func mostMemory(pid int) int64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	var kb int64
	fmt.Sscan(rest, &kb)
	return kb << 10
}

// working is the processor time that an octopool has had so far, as proc(5) says: in
// hundredths of a second, after its name, which has no spaces. It is 0 where that cannot be
// read.
func (o *octopool) working() time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", o.child.Process.Pid))
	words := strings.Fields(string(text))
	if err != nil || len(words) < 15 {
		return 0
	}
	user, _ := strconv.Atoi(words[13])
	system, _ := strconv.Atoi(words[14])
	return time.Duration(user+system) * time.Second / 100
}

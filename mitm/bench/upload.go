package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"octopool/mitm/githubtest"
)

// mostUploadGrowth is how much more memory an octopool may have for an asset of any size than for
// one of a megabyte. What lies in its buffers, and what its runtime has not yet given
// back, does not depend on the size.
const mostUploadGrowth = 24 << 20

// runUpload sends a file with gh release upload through octopool and says how much memory
// octopool had for it: of a megabyte first, then of the whole size, each in a process of
// its own.
func runUpload(ctx context.Context, e environment, args []string) error {
	flags := flag.NewFlagSet("upload", flag.ContinueOnError)
	size := flags.Int64("mib", 500, "size of the file")
	if err := parse(flags, e, args); err != nil {
		return err
	}
	if *size < 1 || *size > 16<<10 {
		return usage(e, "--mib %d: want 1 to 16384", *size)
	}
	if _, err := exec.LookPath("gh"); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "octopool-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	small, err := upload(ctx, e, filepath.Join(dir, "small"), 1<<20)
	if err != nil {
		return err
	}
	large, err := upload(ctx, e, filepath.Join(dir, "large"), *size<<20)
	if err != nil {
		return err
	}
	for _, u := range []uploaded{small, large} {
		fmt.Fprintf(e.stdout, "%5d MiB in %6.2f s  %4d MiB of memory at most, %.2f s of processor time\n",
			u.size>>20, u.took.Seconds(), u.memory>>20, u.worked.Seconds())
	}
	growth := large.memory - small.memory
	fmt.Fprintf(e.stdout, "what it had more for the larger: %.1f MiB (target: below %d)\n", float64(growth)/(1<<20), mostUploadGrowth>>20)
	if growth >= mostUploadGrowth {
		return errMissed
	}
	return nil
}

// uploaded is what one upload took.
type uploaded struct {
	size, memory int64
	took, worked time.Duration
}

// upload has gh upload a file of zeros through an octopool that was started for it. GitHub
// keeps no more of it than its digest.
func upload(ctx context.Context, e environment, dir string, size int64) (u uploaded, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return u, err
	}
	file := filepath.Join(dir, "asset.bin")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		return u, err
	}
	if err := os.Truncate(file, size); err != nil {
		return u, err
	}
	github := githubtest.New()
	defer github.Close()
	credentials := newCredentials(github, 1, 5000)
	github.AddRepo("acme/web", false)
	github.Grant(credentials[0].login, "acme/web")
	github.AddRelease("acme/web", "v1.0", nil)
	sink := &sink{}
	github.Intercept(sink.intercept)
	o := &octopool{program: e.octopool, dir: dir, github: github, credentials: credentials, clients: 1}
	if err := o.start(ctx); err != nil {
		return u, err
	}
	began := time.Now()
	err = o.gh(ctx, "release", "upload", "v1.0", file, "-R", "acme/web")
	u.took = time.Since(began)
	if ended := o.stop(); err == nil {
		err = ended
	}
	if err == nil {
		err = sink.check(file, size)
	}
	u.size, u.memory, u.worked = size, o.memory, o.worked
	return u, err
}

// gh runs gh as a client of octopool.
func (o *octopool) gh(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "gh", args...)
	proxy := o.at.Load().String()
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + o.dir, "GH_TOKEN=" + o.token(0), "GH_NO_UPDATE_NOTIFIER=1",
		"HTTPS_PROXY=" + proxy, "SSL_CERT_FILE=" + filepath.Join(o.dir, "data", "ca.pem"),
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("gh %s: %w: %s", args[0], err, bytes.TrimSpace(out))
	}
	return nil
}

// A sink plays the host for uploads, and keeps their digests alone.
type sink struct {
	mu     sync.Mutex // guards what follows
	digest string
	size   int64
}

func (s *sink) intercept(w http.ResponseWriter, r *http.Request) bool {
	if r.Host != "uploads.github.com" {
		return false
	}
	h := sha256.New()
	n, err := io.Copy(h, r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	s.mu.Lock()
	s.digest, s.size = hex.EncodeToString(h.Sum(nil)), n
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(http.StatusCreated)
	fmt.Fprintf(w, `{"id":1,"name":%q,"size":%d,"state":"uploaded"}`, r.URL.Query().Get("name"), n)
	return true
}

// check reports whether GitHub got the file as it is.
func (s *sink) check(file string, size int64) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if want := hex.EncodeToString(h.Sum(nil)); s.size != size || s.digest != want {
		return fmt.Errorf("GitHub got %d bytes with digest %s, gh sent %d with %s", s.size, s.digest, size, want)
	}
	return nil
}

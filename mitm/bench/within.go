package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"octopool/ca"
	"octopool/mitm/config"
	"octopool/mitm/daemon"
	"octopool/mitm/githubtest"
	"octopool/policy"
)

// within is a whole octopool in this process, so that it and what it is compared with
// have the same processors, scheduler and garbage collector.
type within struct {
	github    *githubtest.Server
	daemon    *daemon.Daemon
	authority *ca.Authority
	dir       string
	roots     *x509.CertPool
	proxy     string // host:port
}

// clientToken is of the one client it has.
const clientToken = "github_pat_bench_0123456789abcdef0123456789abcdef"

// startWithin starts one with this [cache] section and so many credentials. What it logs
// is written, and thrown away.
func startWithin(cache map[string]any, credentials int) (*within, error) {
	dir, err := os.MkdirTemp("", "octopool-bench-")
	if err != nil {
		return nil, err
	}
	w := &within{github: githubtest.New(), dir: dir, roots: x509.NewCertPool()}
	if err := w.start(cache, credentials); err != nil {
		w.stop()
		return nil, err
	}
	return w, nil
}

func (w *within) start(cache map[string]any, n int) error {
	var credentials []map[string]any
	for _, c := range newCredentials(w.github, n, 1<<30) {
		if _, err := c.configure(w.dir); err != nil {
			return err
		}
		credentials = append(credentials, map[string]any{"name": c.name, "pat": "file:" + filepath.Join(w.dir, c.name+".token")})
	}
	pem := filepath.Join(w.dir, "github.pem")
	if err := os.WriteFile(pem, w.github.CAPEM(), 0o644); err != nil {
		return err
	}
	file := filepath.Join(w.dir, "octopool.toml") // which is not there: what follows is what it would say
	settings, problems := config.NewSource(file, "", map[string]any{
		"data_dir": filepath.Join(w.dir, "data"),
		"proxy":    map[string]any{"listen": "127.0.0.1:0"},
		"admin":    map[string]any{"listen": ""},
		"cache":    cache,
		"github": []map[string]any{{"host": "github.com", "dial": w.github.Addr(), "ca_file": pem, "limits": map[string]any{
			"in_flight": int64(0), "points_per_minute": int64(0), // which would be what is measured
		}}},
		"credential": credentials,
		"client":     []map[string]any{{"name": "bench", "token_sha256": policy.DigestOf(clientToken).String()}},
	}).Settle([]string{"HOME=" + w.dir})
	if len(problems) > 0 {
		return fmt.Errorf("the configuration: %v", problems)
	}
	var err error
	if w.daemon, err = daemon.Start(settings, slog.New(slog.NewJSONHandler(io.Discard, nil))); err != nil {
		return err
	}
	where := w.daemon.Where()
	w.proxy = strings.TrimPrefix(where.ProxyURL, "http://")
	root, err := os.ReadFile(where.RootFile)
	if err != nil {
		return err
	}
	w.roots.AppendCertsFromPEM(root)
	w.authority, err = daemon.OpenAuthority(settings.Places)
	return err
}

func (w *within) stop() {
	if w.daemon != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		w.daemon.Stop(ctx) // whose connections we have closed
	}
	w.github.Close()
	os.RemoveAll(w.dir)
}

// furnish sets n resources of so many bytes and returns their paths: each client reads
// one of its own, since octopool gives several who ask for the same one answer. They
// compress to about a fifth, as GitHub's JSON does.
func (w *within) furnish(n, bytes int) []string {
	random := rand.New(rand.NewPCG(1, uint64(bytes)))
	paths := make([]string, n)
	for i := range paths {
		var b strings.Builder
		b.WriteByte('[')
		for b.Len() < bytes {
			fmt.Fprintf(&b, `{"id":%d,"node_id":"%x","url":"https://api.github.com/repos/acme/web/actions/runs/%d","status":"completed","conclusion":"success","event":"push","actor":{"login":"octocat","type":"User"}},`, random.Uint32(), random.Uint64(), i)
		}
		paths[i] = fmt.Sprintf("/bench/%d/%d", bytes, i)
		w.github.Set(paths[i], b.String()[:bytes-1]+"]")
	}
	return paths
}

// plainly makes GitHub answer without compression, whatever it is asked.
func plainly(_ http.ResponseWriter, r *http.Request) bool {
	r.Header.Del("Accept-Encoding")
	return false
}

const apiHost = "api.github.com"

// clients are one wire for each path, through a proxy or, when that is "", to the
// stand-in itself.
func (w *within) clients(proxy, version string, paths []string, header ...string) ([]wire, error) {
	roots := w.roots
	if proxy == "" {
		roots = w.github.Roots()
	}
	var all []wire
	for _, path := range paths {
		one, err := dial(proxy, w.github.Addr(), apiHost, version, roots, nil)
		if err != nil {
			hangUp(all)
			return nil, err
		}
		one.will(apiHost, path, header...)
		all = append(all, one)
	}
	return all, nil
}

// once lets every wire ask once, and returns how long the answers are.
func once(wires []wire) (length int, err error) {
	for _, w := range wires {
		status, n, err := w.ask()
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("answered %d", status)
		}
		if err != nil {
			return 0, err
		}
		length = n
	}
	return length, nil
}

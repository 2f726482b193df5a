// Package daemon is one whole octopool: built from settings, started, and drained.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"octopool/ca"
	"octopool/mitm"
	"octopool/mitm/admin"
	"octopool/mitm/config"
	"octopool/policy"
	"octopool/policy/pool"
	"octopool/store"
)

// A Daemon is an octopool that is serving.
type Daemon struct {
	Authority *ca.Authority

	log     *slog.Logger
	proxy   *mitm.Proxy
	admin   *http.Server
	store   store.Store
	proxyAt net.Addr
	adminAt net.Addr   // nil without an admin listener
	failed  chan error // why a listener ended by itself
}

// memoryStore is how much is kept where there is no disk to keep it on.
const memoryStore = 256 << 20

// Start builds and starts an octopool. When it returns an error nothing is left open.
func Start(s config.Settings, version string, log *slog.Logger) (d *Daemon, err error) {
	var undo []func()
	defer func() {
		if err != nil {
			for _, f := range undo {
				f()
			}
		}
	}()
	authority, err := OpenAuthority(s)
	if err != nil {
		return nil, err
	}
	rules, err := policy.New(s.Rules)
	if err != nil {
		return nil, err
	}
	pools, err := pool.New(s.Credentials)
	if err != nil {
		return nil, err
	}
	proxyListener, err := net.Listen("tcp", s.ProxyListen)
	if err != nil {
		return nil, fmt.Errorf("proxy.listen: %w", err)
	}
	undo = append(undo, func() { proxyListener.Close() })
	var adminListener net.Listener
	if s.AdminListen != "" {
		if adminListener, err = net.Listen("tcp", s.AdminListen); err != nil {
			return nil, fmt.Errorf("admin.listen: %w", err)
		}
		undo = append(undo, func() { adminListener.Close() })
	}
	stored, err := openStore(s, log)
	if err != nil {
		return nil, err
	}
	proxy := mitm.New(mitm.Config{
		GitHubs: s.GitHubs, Authority: authority, Policy: rules, Pools: pools, Store: stored,
		Egress: s.Egress, Log: log, UserAgent: "octopool/" + version,
		FreshFor: s.FreshFor, MaxEntry: s.MaxEntry,
	})
	d = &Daemon{
		Authority: authority, log: log, proxy: proxy, store: stored,
		proxyAt: proxyListener.Addr(), failed: make(chan error, 2),
		admin: &http.Server{
			Handler:           admin.Handler(admin.Config{Metrics: proxy.WriteMetrics, Ready: proxy.Ready, Token: s.AdminToken}),
			ReadHeaderTimeout: 10 * time.Second,
			ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		},
	}
	go func() { d.failed <- proxy.Serve(proxyListener) }()
	if adminListener != nil {
		d.adminAt = adminListener.Addr()
		go func() {
			if err := d.admin.Serve(adminListener); !errors.Is(err, http.ErrServerClosed) {
				d.failed <- err
			}
		}()
	}
	return d, nil
}

// OpenAuthority opens the authority that the settings name, or the one in the data
// folder, which is made on first use.
func OpenAuthority(s config.Settings) (*ca.Authority, error) {
	dir, hosts := filepath.Join(s.DataDir, "ca"), mitm.Hosts(s.GitHubs)
	if s.CACert != "" {
		return ca.Load(dir, s.CACert, s.CAKey, hosts)
	}
	return ca.Open(dir, hosts)
}

// CheckAuthority says what would be wrong with the authority at start, and makes none.
func CheckAuthority(s config.Settings) error {
	if s.CACert == "" {
		if _, err := os.Stat(filepath.Join(s.DataDir, "ca")); errors.Is(err, fs.ErrNotExist) {
			return nil // it will be made
		}
	}
	_, err := OpenAuthority(s)
	return err
}

// openStore opens the representations. A folder that another octopool has open is not
// waited for: this one keeps what it learns in memory.
func openStore(s config.Settings, log *slog.Logger) (store.Store, error) {
	switch s.Backend {
	case "off":
		return store.Off{}, nil
	case "memory":
		return store.NewMemory(memoryStore), nil
	}
	dir := filepath.Join(s.DataDir, "store")
	b, err := store.OpenBadger(dir, s.TTL, log)
	if errors.Is(err, store.ErrLocked) {
		log.Warn("another octopool has the store open; this one keeps what it learns in memory", "dir", dir)
		return store.NewMemory(memoryStore), nil
	}
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	return b, nil
}

// ProxyURL is what clients set HTTPS_PROXY to.
func (d *Daemon) ProxyURL() string { return "http://" + d.proxyAt.String() }

// AdminURL is where operators look; "" without an admin listener.
func (d *Daemon) AdminURL() string {
	if d.adminAt == nil {
		return ""
	}
	return "http://" + d.adminAt.String()
}

// Failed delivers the error of a listener that ended by itself.
func (d *Daemon) Failed() <-chan error { return d.failed }

// Stop takes no more connections, lets requests in flight end until ctx is done, and
// closes the store. It returns ctx's error if something had to be cut off.
func (d *Daemon) Stop(ctx context.Context) error {
	err := d.proxy.Shutdown(ctx)
	d.admin.Close()
	return errors.Join(err, d.store.Close())
}

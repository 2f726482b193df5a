// Package daemon is one whole octopool: built from settings, started, and drained. It
// knows nothing of command lines and of the configuration's syntax.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"octopool/ca"
	"octopool/mitm"
	"octopool/mitm/admin"
	"octopool/mitm/config"
	"octopool/mitm/launch"
	"octopool/mitm/oidc"
	"octopool/policy"
	"octopool/policy/pool"
	"octopool/store"
)

// A Daemon is an octopool that is serving.
type Daemon struct {
	authority *ca.Authority
	proxy     *mitm.Proxy
	pools     *pool.Pools
	issuers   *oidc.Verifier
	admin     *http.Server
	shown     atomic.Pointer[http.Handler] // what admin serves
	started   time.Time
	log       *slog.Logger
	level     *slog.LevelVar // of log
	audit     *auditor

	following     follower
	configuration atomic.Pointer[admin.Configuration]
	settings      config.Settings // that it runs with; the follower's, once there is one

	store    store.Store
	upstream http.RoundTripper // of the proxy and the pools
	endPools func()            // ends what they do in the background, and waits for it
	proxyAt  net.Addr
	proxyURL string
	adminAt  net.Addr   // nil without an admin listener
	failed   chan error // why a listener ended by itself
}

// Start builds and starts an octopool. When it returns an error nothing is left open,
// and when an address is taken nothing was written either. An error that the
// configuration can mend is a [config.Problem].
func Start(s config.Settings, log *slog.Logger) (*Daemon, error) { return Sockets{}.Start(s, log) }

// Start is the function Start with sockets that were given. It may be called once.
func (g Sockets) Start(s config.Settings, log *slog.Logger) (d *Daemon, err error) {
	level := new(slog.LevelVar)
	level.Set(s.LogLevel)
	log = slog.New(leveled{log.Handler(), level})
	rules, err := policy.New(s.Rules)
	if err != nil {
		return nil, err
	}
	audited := &auditor{log: log}
	upstream := mitm.NewUpstream(s.GitHubs, s.Next)
	of := s.Pools()
	userAgent := "octopool/" + Version()
	of.Transport, of.UserAgent, of.Log, of.Changed = upstream, userAgent+" (pool)", log, audited.credential
	pools, err := pool.New(of)
	if err != nil {
		return nil, err
	}
	proxyListener, secure, err := listenProxy(g.proxy, s.Places)
	if err != nil {
		return nil, err
	}
	defer closeUnless(&err, proxyListener)
	var adminListener net.Listener
	if s.AdminListen != "" {
		if adminListener, err = listen(g.admin, "admin.listen", s.AdminListen); err != nil {
			return nil, err
		}
		defer closeUnless(&err, adminListener)
	}
	authority, err := OpenAuthority(s.Places)
	if err != nil {
		return nil, err
	}
	if authority.SystemRoots() == "" {
		log.Warn("the system has no file of root certificates; programs that are given octopool's bundle will trust intercepted hosts only")
	}
	stored, err := openStore(s, log)
	if err != nil {
		return nil, err
	}
	if err := audited.open(s.Audit); err != nil {
		return nil, errors.Join(err, stored.Close())
	}
	for _, warning := range s.Warnings {
		log.Warn("configuration", "warning", warning)
	}
	mint, err := openMint(s)
	if err != nil {
		return nil, errors.Join(err, stored.Close())
	}
	issuers := oidc.New(s.Issuers)
	proxy := mitm.New(mitm.Config{
		GitHubs: s.GitHubs, Upstream: upstream, Authority: authority, Pools: pools, Store: stored,
		Log: log, Audit: audited.Log, UserAgent: userAgent, TLS: secure, Next: s.Next, Self: addresses(proxyListener, adminListener),
		Mint: mint, Verifiers: []mitm.Verifier{issuers},
		Rules: mitm.Rules{Policy: rules, Egress: s.Egress, Door: s.Door, Limits: s.ClientLimits, Tuning: s.Cache.Tuning},
	})
	d = &Daemon{
		authority: authority, proxy: proxy, pools: pools, issuers: issuers, store: stored, settings: s, log: log, level: level, audit: audited,
		started: time.Now().UTC().Round(time.Second), upstream: upstream, endPools: run(pools, proxy, stored),
		proxyAt: proxyListener.Addr(), proxyURL: proxyURL(s.Places, proxyListener.Addr().String()), failed: make(chan error, 2),
		admin: &http.Server{
			ReadHeaderTimeout: 10 * time.Second,
			ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		},
	}
	d.admin.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*d.shown.Load()).ServeHTTP(w, r) })
	d.configuration.Store(&admin.Configuration{Current: true, Loaded: d.started, Read: d.started, Problems: []string{}, Restart: []string{}})
	d.show(nil)
	audited.began(s)
	go func() { d.failed <- proxy.Serve(proxyListener) }()
	if adminListener != nil {
		d.adminAt = adminListener.Addr()
		go func() {
			if err := d.admin.Serve(adminListener); !errors.Is(err, http.ErrServerClosed) {
				d.failed <- fmt.Errorf("admin listener: %w", err)
			}
		}()
	}
	return d, nil
}

// run lets pools and the proxy do what they do in the background until end, which waits for it. Where
// several octopools share a store they share what they know of their credentials too.
func run(pools *pool.Pools, proxy *mitm.Proxy, stored store.Store) (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { pools.Run(ctx) })
	all.Go(func() { proxy.Remember(ctx) })
	if r, ok := stored.(*store.Redis); ok {
		all.Go(func() { pools.Share(ctx, r.Board("pools")) })
		all.Go(func() { proxy.Mint.Share(ctx, r.Ledger("revoked"), proxy.Log) })
	}
	return func() {
		cancel()
		all.Wait()
	}
}

func closeUnless(err *error, l net.Listener) {
	if *err != nil {
		l.Close()
	}
}

// openStore opens the representations.
func openStore(s config.Settings, log *slog.Logger) (store.Store, error) {
	switch s.Cache.Backend {
	case "off":
		return store.Off{}, nil
	case "memory":
		return store.NewMemory(s.Cache.MaxBytes), nil
	case "redis":
		r, err := store.OpenRedis(store.RedisOptions{URL: s.Cache.URL.Reveal(), TTL: s.Cache.TTL, Log: log})
		if err != nil {
			return nil, config.Problem{Key: "cache.url", Message: err.Error()}
		}
		return r, nil
	}
	b, err := store.OpenBadger(filepath.Join(s.DataDir, "store"), store.BadgerOptions{TTL: s.Cache.TTL, MaxBytes: s.Cache.MaxBytes, Log: log})
	if errors.Is(err, store.ErrLocked) {
		return nil, locked{config.Problem{Key: "data_dir", Message: "another octopool has " + s.DataDir + " open: stop it, or give each a data_dir of its own"}}
	}
	if err != nil {
		return nil, err
	}
	return b, nil
}

// locked is the problem that another octopool has the store open.
type locked struct{ config.Problem }

func (l locked) Unwrap() []error { return []error{l.Problem, store.ErrLocked} }

// Where is how programs find this octopool.
func (d *Daemon) Where() launch.Where {
	return whereIs(d.proxyURL, d.authority, d.proxy.GitHubs)
}

// AdminURL is where operators look; "" without an admin listener.
func (d *Daemon) AdminURL() string {
	if d.adminAt == nil {
		return ""
	}
	return launch.URL(d.adminAt.String())
}

// Failed delivers the error of a listener that ended by itself.
func (d *Daemon) Failed() <-chan error { return d.failed }

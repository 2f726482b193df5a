package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/VictoriaMetrics/metrics"

	"octopool/mitm/admin"
	"octopool/mitm/config"
	"octopool/mitm/launch"
	"octopool/mitm/learning"
)

// show has the admin listener show this octopool, with a way to reload if there is one.
func (d *Daemon) show(reload func(context.Context) admin.Reloaded) {
	backend := d.settings.Cache.Backend
	handler := admin.Handler(admin.Config{
		Metrics: d.writeMetrics,
		Pools:   d.proxy.PoolStatus,
		Status: func() admin.Status {
			status := d.proxy.Status()
			status.Version, status.Started, status.Configuration = Version(), d.started, *d.configuration.Load()
			return status
		},
		Cache: func() admin.Cache {
			cache := d.proxy.CacheStatus()
			cache.Version, cache.Started, cache.Backend = Version(), d.started, backend
			return cache
		},
		Purge:   d.proxy.Purge,
		Mint:    d.proxy.MintFor,
		Revoke:  d.proxy.Revoke,
		Reload:  reload,
		History: d.proxy.History,
		Usage:   d.proxy.Usage,
		Token:   d.settings.AdminToken,
	})
	d.shown.Store(&handler)
}

// writeMetrics writes those of the proxy, and how the configuration stands.
func (d *Daemon) writeMetrics(w io.Writer) {
	d.proxy.WriteMetrics(w)
	d.issuers.WriteMetrics(w)
	c := d.configuration.Load()
	current := 0.0
	if c.Current {
		current = 1
	}
	now := metrics.NewSet()
	now.NewGauge("octopool_config_last_reload_successful", func() float64 { return current })
	now.NewGauge("octopool_config_last_reload_success_timestamp_seconds", func() float64 { return float64(c.Loaded.Unix()) })
	now.NewCounter("octopool_audit_errors_total").Set(d.audit.errors.Load())
	now.WritePrometheus(w)
}

// Status asks the octopool that runs with these settings how it is, and returns the JSON
// as it came, too. An error that the configuration can mend is a [config.Problem].
func Status(ctx context.Context, p config.AdminPlace) (s admin.Status, text []byte, err error) {
	err = askAdmin(p, func(url string) error {
		s, text, err = admin.Ask(ctx, url, p.Token)
		return err
	})
	return s, text, err
}

// Usage asks as [Status] does, for what a client did in the last day.
func Usage(ctx context.Context, p config.AdminPlace, client string) (u learning.Usage, text []byte, err error) {
	err = askAdmin(p, func(url string) error {
		u, text, err = admin.AskUsage(ctx, url, p.Token, client)
		return err
	})
	return u, text, err
}

// askAdmin has the admin listener asked that is in this place.
func askAdmin(p config.AdminPlace, ask func(url string) error) error {
	switch {
	case p.Listen == "":
		return config.Problem{Key: "admin.listen", Message: "off, so a running octopool cannot be asked; set it, or name where it is with --admin-listen"}
	case strings.HasSuffix(p.Listen, ":0"):
		return config.Problem{Key: "admin.listen", Message: "which port 0 is, only the running octopool knows; name it with --admin-listen"}
	}
	url := launch.URL(p.Listen)
	err := ask(url)
	switch {
	case errors.Is(err, admin.ErrNotRunning):
		return fmt.Errorf("no octopool's admin listener at %s: start it with `octopool serve`, or name where it is with --config or --admin-listen", url)
	case errors.Is(err, admin.ErrWrongToken) && p.Token.IsZero():
		return config.Problem{Key: "admin.token", Message: "the octopool at " + url + " asks for a token, and none is set"}
	case errors.Is(err, admin.ErrWrongToken):
		return config.Problem{Key: "admin.token", Message: "the octopool at " + url + " has another one"}
	}
	return err
}

package daemon

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"octopool/mitm"
	"octopool/mitm/admin"
	"octopool/mitm/config"
	"octopool/mitm/launch"
)

// adminConfig is what the admin listener shows of a proxy that starts now.
func adminConfig(proxy *mitm.Proxy, s config.Settings) admin.Config {
	started := time.Now().UTC().Round(time.Second)
	return admin.Config{
		Metrics: proxy.WriteMetrics,
		Pools:   proxy.PoolStatus,
		Status: func() admin.Status {
			status := proxy.Status()
			status.Version, status.Started = Version(), started
			return status
		},
		Cache: func() admin.Cache {
			cache := proxy.CacheStatus()
			cache.Version, cache.Started, cache.Backend = Version(), started, s.Cache.Backend
			return cache
		},
		Purge: proxy.Purge,
		Token: s.AdminToken,
	}
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

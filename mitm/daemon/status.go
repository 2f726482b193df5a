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
	"octopool/policy"
)

// adminConfig is what the admin listener shows of a proxy that starts now.
func adminConfig(proxy *mitm.Proxy, token policy.Secret) admin.Config {
	started := time.Now().UTC().Round(time.Second)
	return admin.Config{
		Metrics: proxy.WriteMetrics,
		Pools:   proxy.PoolStatus,
		Status: func() admin.Status {
			s := proxy.Status()
			s.Version, s.Started = Version(), started
			return s
		},
		Token: token,
	}
}

// Status asks the octopool that runs with these settings how it is, and returns the JSON
// as it came, too. An error that the configuration can mend is a [config.Problem].
func Status(ctx context.Context, p config.AdminPlace) (admin.Status, []byte, error) {
	switch {
	case p.Listen == "":
		return admin.Status{}, nil, config.Problem{Key: "admin.listen", Message: "off, so a running octopool cannot be asked; set it, or name where it is with --admin-listen"}
	case strings.HasSuffix(p.Listen, ":0"):
		return admin.Status{}, nil, config.Problem{Key: "admin.listen", Message: "which port 0 is, only the running octopool knows; name it with --admin-listen"}
	}
	url := launch.URL(p.Listen)
	s, text, err := admin.Ask(ctx, url, p.Token)
	switch {
	case errors.Is(err, admin.ErrNotRunning):
		err = fmt.Errorf("no octopool's admin listener at %s: start it with `octopool serve`, or name where it is with --config or --admin-listen", url)
	case errors.Is(err, admin.ErrWrongToken) && p.Token.IsZero():
		err = config.Problem{Key: "admin.token", Message: "the octopool at " + url + " asks for a token, and none is set"}
	case errors.Is(err, admin.ErrWrongToken):
		err = config.Problem{Key: "admin.token", Message: "the octopool at " + url + " has another one"}
	}
	return s, text, err
}

package command

import (
	"cmp"
	"context"
	"errors"
	"octopool/mitm/daemon"
	"octopool/mitm/launch"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// drainTime is how long requests in flight may take to end after a SIGTERM.
const drainTime = 30 * time.Second

type serve struct {
	configuration
	AdminListen string `help:"Where metrics and health are, instead of admin.listen." placeholder:"HOST:PORT"`
}

func (serve) Help() string {
	return example("GITHUB_TOKEN=… octopool serve", "octopool serve --config /etc/octopool.toml")
}

// Run serves until a SIGTERM or SIGINT.
func (s serve) Run(read Reader) error {
	src, err := s.source(read)
	if err != nil {
		return err
	}
	src.Written.Admin.Listen = cmp.Or(s.AdminListen, src.Written.Admin.Listen)
	settings, first, err := s.settleToServe(src)
	if err != nil {
		return err
	}
	metrics.ExposeMetadata(true)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	log := daemon.NewLog(os.Stderr)
	d, err := daemon.Start(settings, log)
	if err != nil {
		return src.Locate(err)
	}
	if err = first.Keep(); err == nil {
		_, err = s.welcome(d, first).WriteTo(os.Stdout)
	}
	if err == nil {
		log.Info("serving", "proxy", d.Where().ProxyURL, "admin", d.AdminURL(), "credentials", len(settings.Credentials), "clients", len(settings.Rules.Clients))
		select {
		case <-ctx.Done():
			log.Info("stopping; requests in flight may end", "within", drainTime)
		case err = <-d.Failed():
		}
	}
	stop() // a second signal ends at once
	drain, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	cut := d.Stop(drain)
	if errors.Is(cut, context.DeadlineExceeded) {
		log.Warn("cut what had not ended", "after", drainTime)
		cut = nil
	}
	return errors.Join(err, cut)
}

func (s serve) welcome(d *daemon.Daemon, first daemon.First) launch.Welcome {
	w := launch.Welcome{Version: daemon.Version(), Where: d.Where(), Token: first.Token.Reveal(), Kept: first.File()}
	if path, err := filepath.Abs(s.Config); err == nil && s.Config != "" {
		w.Flags = " --config " + launch.Quote(path)
	}
	if s.Listen != "" {
		_, address, _ := strings.Cut(d.Where().ProxyURL, "://")
		w.Flags += " --listen " + launch.Quote(address)
	}
	return w
}

package command

import (
	"cmp"
	"context"
	"errors"
	"octopool/mitm/config"
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

// Run serves until a SIGTERM or SIGINT. A SIGHUP has it read its configuration anew.
func (s serve) Run(read Reader) error {
	src, settings, first, err := s.settings(read)
	if err != nil {
		return err
	}
	metrics.ExposeMetadata(true)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP) // not later: to who waits it means nothing, and ends nothing
	log := daemon.NewLog(os.Stderr)
	given, err := daemon.Given()
	if err != nil {
		return err
	}
	waited, err := given.Await(ctx, settings, log)
	if err != nil {
		return nil // it was to stop before its turn came
	}
	if waited {
		if src, settings, first, err = s.settings(read); err != nil {
			return err
		}
	}
	d, err := given.Start(settings, log)
	if err != nil {
		return src.Locate(err)
	}
	if err = first.Keep(); err == nil {
		d.Follow(func() (config.Settings, error) {
			_, settings, first, err := s.settings(read)
			return settings, errors.Join(err, first.Kept())
		}, hup)
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

// settings are what the configuration says now.
func (s serve) settings(read Reader) (src config.Source, settings config.Settings, first daemon.First, err error) {
	if src, err = s.source(read); err == nil {
		src.Written.Admin.Listen = cmp.Or(s.AdminListen, src.Written.Admin.Listen)
		settings, first, err = s.settleToServe(src)
	}
	return src, settings, first, err
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

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"text/tabwriter"
	"time"
)

// runSoak has an octopool bear everything at once for a while: clients that come, leave
// early and stay, changes at GitHub, tokens that are renewed, reloads and faults. When it
// is quiet again it has no more of anything than when it was quiet before, and no answer
// was wrong.
func runSoak(ctx context.Context, e environment, args []string) error {
	flags := flag.NewFlagSet("soak", flag.ContinueOnError)
	lasts := flags.Duration("for", 20*time.Minute, "how long it lasts")
	if err := parse(flags, e, args); err != nil {
		return err
	}
	if *lasts < time.Second || *lasts > 24*time.Hour {
		return usage(e, "soak: -for is 1s to 24h")
	}
	w, err := newTroubled(ctx, e, fault{})
	if err != nil {
		return err
	}
	defer w.end()
	s := &soak{troubled: w, began: time.Now(), out: tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)}
	err = s.run(ctx, *lasts)
	s.out.Flush()
	return err
}

// A soak is one run.
type soak struct {
	*troubled
	began time.Time
	out   *tabwriter.Writer
	all   phase // of all requests

	left, renewals, reloads, faults int
}

// quietParts says that it is quiet for one part in so many of the whole, and for a minute
// at most, after the first part of the work and after all of it.
const quietParts = 8

func (s *soak) run(ctx context.Context, lasts time.Duration) error {
	quiet := min(lasts/quietParts, time.Minute)
	fmt.Fprintln(s.out, "AFTER\t\tGOROUTINES\tDESCRIPTORS\tMIB OF MEMORY\tMIB OF FILES\tMIB ON DISK")
	if err := s.work(ctx, lasts/quietParts); err != nil {
		return err
	}
	first, err := s.rest(ctx, quiet)
	if err != nil {
		return err
	}
	for range quietParts - 3 {
		s.load(ctx)
		if err := s.work(ctx, (lasts-lasts/quietParts-2*quiet)/(quietParts-3)); err != nil {
			return err
		}
		if _, err := s.sample("at work"); err != nil {
			return err
		}
	}
	last, err := s.rest(ctx, quiet)
	if err != nil {
		return err
	}
	points, _ := spent(s.github, s.credentials)
	fmt.Fprintf(s.out, "clients got\t%s\n", s.all.text())
	fmt.Fprintf(s.out, "besides\t%d left early, %d tokens renewed, %d reloads, %d faults, %d changes, %d points\n", s.left, s.renewals, s.reloads, s.faults, s.truth.changes(), points)
	fmt.Fprintf(s.out, "wrong or old\t%d\n", len(s.all.wrong))
	if err := errors.Join(s.all.wrong...); err != nil {
		return errors.Join(errMissed, err)
	}
	return last.within(first)
}

// work has things happen for a while. What clients get is counted, and not judged but for
// being true: there are faults.
func (s *soak) work(ctx context.Context, lasts time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, lasts)
	defer cancel()
	var all sync.WaitGroup
	all.Go(func() { s.leaveEarly(ctx) })
	defer func() {
		cancel()
		all.Wait()
		s.stop()
		s.all.add(s.begin())
	}()
	for n := 0; wait(ctx, 200*time.Millisecond); n++ {
		var err error
		switch n % 6 {
		case 1:
			err = s.renew(s.credentials[rand.IntN(len(s.credentials))])
		case 3:
			err = s.reload(n)
		case 5:
			err = s.suffer(ctx)
		}
		if err != nil {
			return err
		}
		s.all.add(s.begin())
	}
	return nil
}

// suffer has one of the faults happen that leave octopool's process and machine alone.
func (s *soak) suffer(ctx context.Context) error {
	var all []fault
	for _, f := range anybodysFaults() {
		if f.lasting() {
			all = append(all, f)
		}
	}
	f := all[rand.IntN(len(all))]
	mend, err := f.breaks(ctx, s.troubled)
	if err != nil {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	wait(ctx, 300*time.Millisecond)
	s.faults++
	return mend()
}

// renew gives a credential a new token, and ends the old one once octopool was told.
func (s *soak) renew(c *credential) error {
	c.renew(s.github) // the old one is GitHub's to end, an hour later
	s.renewals++
	_, err := c.configure(s.dir)
	return err
}

// reload has octopool read its configuration, which says something else.
func (s *soak) reload(n int) error {
	s.reloads++
	level := []string{"info", "warn"}[n/6%2]
	text := s.configuration(fault{configuration: fmt.Sprintf("log.level = %q", level)})
	file := filepath.Join(s.dir, "octopool.toml")
	if err := os.WriteFile(file+"~", []byte(text), 0o600); err != nil {
		return err
	}
	if err := os.Rename(file+"~", file); err != nil {
		return err
	}
	return s.child.Process.Signal(syscall.SIGHUP)
}

// leaveEarly has clients come that end their connections somewhere in the middle.
func (s *soak) leaveEarly(ctx context.Context) {
	for wait(ctx, 20*time.Millisecond) {
		c, err := net.DialTimeout("tcp", s.at.Load().Host, patience)
		if err != nil {
			continue
		}
		s.left++
		said := "CONNECT api.github.com:443 HTTP/1.1\r\nHost: api.github.com:443\r\n\r\n\x16\x03\x01\x02\x00\x01"
		fmt.Fprint(c, said[:rand.IntN(len(said)+1)])
		if rand.IntN(2) == 0 {
			c.(*net.TCPConn).SetLinger(0)
		}
		c.Close()

		asked, cancel := context.WithTimeout(ctx, time.Duration(rand.IntN(6))*time.Millisecond)
		t := s.transport(flavour{h2: rand.IntN(2) == 0})
		t.DisableKeepAlives, t.IdleConnTimeout = true, time.Second // what is connected when nobody waits any more would be kept
		s.truth.ask(asked, clientOf(t), s.token(rand.IntN(s.clients)), rand.IntN(faultPaths))
		cancel()
	}
}

// rest is quiet for a while, and what octopool has then.
func (s *soak) rest(ctx context.Context, lasts time.Duration) (possessions, error) {
	s.stop()
	if !wait(ctx, lasts) {
		return possessions{}, ctx.Err()
	}
	return s.sample("quiet")
}

// possessions are what octopool's process has.
type possessions struct {
	goroutines, descriptors int
	memory, mapped, disk    int64 // bytes: its own, of files, in its data folder
}

var goroutineLine = regexp.MustCompile(`(?m)^go_goroutines (\d+)$`)

func (s *soak) sample(when string) (p possessions, err error) {
	text, err := fetch("http://" + s.admin + "/metrics")
	if err != nil {
		return p, err
	}
	if m := goroutineLine.FindSubmatch(text); m != nil {
		p.goroutines, _ = strconv.Atoi(string(m[1]))
	}
	process := filepath.Join("/proc", fmt.Sprint(s.child.Process.Pid))
	open, err := os.ReadDir(filepath.Join(process, "fd"))
	if err != nil {
		return p, err
	}
	p.descriptors = len(open)
	status, err := os.ReadFile(filepath.Join(process, "status"))
	if err != nil {
		return p, err
	}
	// Its own memory is what the kernel can't take back. Badger maps its files: what is
	// read of them counts as the process's, and is the kernel's cache of the disk.
	for name, n := range map[string]*int64{"RssAnon:": &p.memory, "RssFile:": &p.mapped} {
		_, rest, _ := strings.Cut(string(status), name)
		if _, err := fmt.Sscanf(rest, "%d kB", n); err != nil {
			return p, fmt.Errorf("%s %w", name, err)
		}
		*n <<= 10
	}
	if p.goroutines == 0 {
		return p, errors.New("/metrics has no goroutines")
	}
	err = filepath.WalkDir(filepath.Join(s.dir, "data"), func(_ string, d os.DirEntry, err error) error {
		if err != nil {
			return nil // it is gone meanwhile
		}
		if info, err := d.Info(); err == nil {
			p.disk += info.Sys().(*syscall.Stat_t).Blocks * 512
		}
		return nil
	})
	fmt.Fprintf(s.out, "%v\t%s\t%d\t%d\t%d\t%d\t%d\n", time.Since(s.began).Round(time.Second), when, p.goroutines, p.descriptors, p.memory>>20, p.mapped>>20, p.disk>>20)
	return p, err
}

// within is nil when there is no more than there was, but for what breathes and, in
// memory, for what fills up to a bound later than the first quiet: the computed validators
// alone take 18 MiB when there are as many as are kept, and the collector lets as much
// again lie.
func (p possessions) within(first possessions) error {
	var grown []error
	check := func(name string, is, was, most int64) {
		if is > most {
			grown = append(grown, fmt.Errorf("%s: %d, and %d in the beginning", name, is, was))
		}
	}
	check("goroutines", int64(p.goroutines), int64(first.goroutines), int64(first.goroutines)+8)
	check("descriptors", int64(p.descriptors), int64(first.descriptors), int64(first.descriptors)+8)
	check("memory", p.memory, first.memory, first.memory+48<<20)
	check("disk", p.disk, first.disk, first.disk*2+32<<20)
	if grown != nil {
		return errors.Join(errMissed, errors.Join(grown...))
	}
	return nil
}

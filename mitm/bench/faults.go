package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// faultsFlags are what runFaults can be told.
type faultsFlags struct {
	lasts time.Duration
	only  string
}

// runFaults breaks one thing after the other under a steady load, mends it, and says what
// the clients got. No answer may be wrong or old, nobody may get what a fault does not
// explain, and octopool has to be well again without anybody's doing.
func runFaults(ctx context.Context, e environment, args []string) error {
	var f faultsFlags
	flags := flag.NewFlagSet("faults", flag.ContinueOnError)
	flags.DurationVar(&f.lasts, "for", 2*time.Second, "how long each fault lasts")
	flags.StringVar(&f.only, "only", "", "run only the faults whose name has this in it")
	if err := parse(flags, e, args); err != nil {
		return err
	}
	if f.lasts < 10*time.Millisecond || f.lasts > time.Minute {
		return usage(e, "faults: -for is 10ms to 1m")
	}
	out := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "FAULT\tCLIENTS GOT\tLONGEST\tWELL AGAIN\tPOINTS LOST\tWRONG\t")
	var missed error
	for _, fault := range faults() {
		if !strings.Contains(fault.name, f.only) {
			continue
		}
		if !fault.playable() {
			fmt.Fprintf(out, "%s\tnot played: it takes root\n", fault.name)
			continue
		}
		suffered, err := suffer(ctx, e, fault, f.lasts)
		verdict := ""
		if err != nil {
			verdict, missed = "MISSED", errors.Join(missed, fmt.Errorf("%s: %w", fault.name, err))
		}
		fmt.Fprintf(out, "%s\t%s\t%v\t%v\t%d\t%d\t%s\n", fault.name, suffered.got, suffered.longest.Round(time.Millisecond), suffered.recovered.Round(time.Millisecond), suffered.lost, suffered.wrong, verdict)
		if ctx.Err() != nil {
			break
		}
	}
	out.Flush()
	if missed != nil {
		return errors.Join(errMissed, missed)
	}
	return ctx.Err()
}

// suffered is what came of a fault.
type suffered struct {
	got                string // by clients while it lasted
	longest, recovered time.Duration
	lost               int // points, for what GitHub had not changed
	wrong              int
}

// wellRow is how many requests in a row say that octopool is well.
const wellRow = 60

// suffer has one fault happen.
func suffer(ctx context.Context, e environment, f fault, lasts time.Duration) (s suffered, err error) {
	w, err := newTroubled(ctx, e, f)
	if err != nil {
		return s, err
	}
	defer w.end()
	if _, err := w.well(ctx, wellRow); err != nil {
		return s, fmt.Errorf("before it: %w", err)
	}
	before := w.begin()
	mend, err := f.breaks(ctx, w)
	if err != nil {
		return s, fmt.Errorf("to begin it: %w", err)
	}
	if !wait(ctx, lasts) {
		return s, errors.Join(ctx.Err(), mend())
	}
	if err := mend(); err != nil {
		return s, fmt.Errorf("to end it: %w", err)
	}
	during := w.phase.Load() // until it is well again: what was under way, the fault may have hit
	s.recovered, err = w.well(ctx, wellRow)
	w.begin()
	if err != nil {
		return s, err
	}
	if _, err := w.well(ctx, wellRow); err != nil {
		return s, fmt.Errorf("afterwards: %w", err)
	}
	w.stop()
	after := w.begin()
	s.got, s.longest, s.lost = during.text(), during.longest, w.lost()
	for _, p := range []*phase{before, during, after} {
		s.wrong += len(p.wrong)
		err = errors.Join(err, errors.Join(p.wrong[:min(3, len(p.wrong))]...))
	}
	for _, kind := range during.kinds() {
		if kind != "200" && !slices.Contains(f.may, kind) {
			err = errors.Join(err, fmt.Errorf("a client got %s", kind))
		}
	}
	for _, kind := range slices.Concat(before.kinds(), after.kinds()) {
		if kind != "200" {
			err = errors.Join(err, fmt.Errorf("before it or long after it a client got %s", kind))
		}
	}
	if s.lost > 0 && !f.costs {
		err = errors.Join(err, fmt.Errorf("%d points were paid for what had not changed", s.lost))
	}
	return s, errors.Join(err, w.ends(ctx, f))
}

// ends checks that octopool ends by itself when it is asked to, and where its store was
// ruined that it is well when it is started again.
func (w *troubled) ends(ctx context.Context, f fault) error {
	err := w.octopool.stop()
	if f.ruins && err != nil && err.Error() == "exit status 1" {
		if err = w.launch(ctx); err == nil {
			w.load(ctx)
			_, err = w.well(ctx, wellRow)
			w.stop()
			err = errors.Join(err, w.octopool.stop())
		}
	}
	if err != nil {
		return fmt.Errorf("to end octopool: %w", err)
	}
	return nil
}

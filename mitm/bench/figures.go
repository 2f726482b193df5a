package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// A figure is what one benchmark found, beside what it has to be.
type figure struct {
	what, yardstick  string
	measured, budget string // as a reader wants them
	missed           bool
}

// results are those of all benchmarks that ran in one go.
type results struct{ all []figure }

// took notes a figure and reports whether it missed its budget.
func (e environment) took(f figure) (missed bool) {
	e.results.all = append(e.results.all, f)
	return f.missed
}

// atLeast notes a share of a yardstick.
func (e environment) atLeast(what, yardstick string, ratio, least float64) (missed bool) {
	return e.took(figure{what, yardstick, fmt.Sprintf("%.0f %%", 100*ratio), fmt.Sprintf("≥ %.0f %%", 100*least), ratio < least})
}

// within notes a time that may be so long.
func (e environment) within(what, yardstick string, took, most time.Duration) (missed bool) {
	return e.took(figure{what, yardstick, took.Round(10 * time.Nanosecond).String(), "≤ " + most.String(), took > most})
}

// memory notes bytes, of which there may be so many MiB.
func (e environment) memory(what string, bytes float64, most int) (missed bool) {
	return e.took(figure{what, "", fmt.Sprintf("%.0f MiB", bytes/(1<<20)), fmt.Sprintf("≤ %d MiB", most), bytes > float64(most)*(1<<20)})
}

// print writes them as one table.
func (f *results) print(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "what\tyardstick\tmeasured\tbudget\t")
	for _, one := range f.all {
		verdict := "pass"
		if one.missed {
			verdict = "MISSED"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", one.what, one.yardstick, one.measured, one.budget, verdict)
	}
	t.Flush()
}

// runAll runs every benchmark as it is without flags, one after the other, and ends with one
// table of what has a budget. What each prints by itself goes before.
func runAll(ctx context.Context, e environment, args []string) error {
	flags := flag.NewFlagSet("all", flag.ContinueOnError)
	if err := parse(flags, e, args); err != nil {
		return err
	}
	var wrong []error
	for _, b := range benches() {
		if b.apart || ctx.Err() != nil {
			continue
		}
		began := time.Now()
		fmt.Fprintf(e.stdout, "== %s\n", b.name)
		err := b.run(ctx, e, nil)
		fmt.Fprintf(e.stdout, "-- %v\n\n", time.Since(began).Round(time.Second))
		if err != nil && !errors.Is(err, errMissed) {
			e.took(figure{b.name, "", "failed, see below", "", true})
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", b.name, err))
		}
	}
	e.results.print(e.stdout)
	return errors.Join(append(wrong, ctx.Err())...)
}

package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// A summary is what the hour showed.
type summary struct {
	requests, jobs           int
	retried, refused, failed int
	asked                    map[int]int // requests to GitHub, by status
	points                   int

	// distinct is how many changes were seen: of each resource, how many different
	// bodies some client was the first to be sent. So what a resource was at first
	// counts as one, each version after it that anybody read, and each of two viewers'
	// versions; whichever Accept asked for them.
	distinct       int
	stale, corrupt int
	p50, p99       time.Duration
	wall           time.Duration
	dear           map[string]int // points beyond one for each change seen, by kind
}

// report sums up. Nothing happens any more.
func report(w *world, f *fleet, credentials []*credential, wall time.Duration) summary {
	s := summary{jobs: f.jobs, retried: f.retried, refused: f.refused, failed: f.failed, wall: wall, dear: map[string]int{}}
	s.requests = len(f.answers) + f.refused + f.failed
	s.points, s.asked = spent(w.github, credentials)

	type change struct {
		resource int
		body     digest
	}
	seen := map[change]bool{}
	took := make([]time.Duration, 0, len(f.answers))
	for _, a := range f.answers {
		took = append(took, a.took)
		switch w.history.judge(a.resource, a.body, a.began, a.ended) {
		case stale:
			s.stale++
		case corrupt:
			s.corrupt++
			continue // these bytes are no change of GitHub's
		}
		if one := (change{a.resource, a.body}); !seen[one] {
			seen[one] = true
			s.dear[w.resources[a.resource].kind]--
		}
	}
	s.distinct = len(seen)
	if len(took) > 0 {
		slices.Sort(took)
		s.p50, s.p99 = took[len(took)/2], took[len(took)*99/100]
	}
	byTarget := map[string]string{}
	for _, r := range w.resources {
		byTarget[r.target] = r.kind
	}
	auditors := viewers[:]
	for _, seen := range w.github.Seen() {
		if target, _ := strings.CutSuffix(seen.Path+"?"+seen.Query, "?"); seen.Points > 0 && !slices.Contains(auditors, seen.Login) {
			s.dear[cmp.Or(byTarget[target], "other")] += seen.Points
		}
	}
	return s
}

// ratio is the points that a change cost.
func (s summary) ratio() float64 { return float64(s.points) / float64(max(1, s.distinct)) }

// missed is an error when the hour was not good enough.
func (s summary) missed() error {
	var errs []error
	miss := func(failed bool, format string, args ...any) {
		if failed {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	miss(s.stale > 0, "%d stale answers", s.stale)
	miss(s.corrupt > 0, "%d corrupt answers", s.corrupt)
	miss(s.ratio() > mostPointsForAChange, "%.3f points for each change seen, want at most %.2f", s.ratio(), mostPointsForAChange)
	miss(s.refused+s.failed > 0, "%d of %d requests without an answer", s.refused+s.failed, s.requests)
	if len(errs) == 0 {
		return nil
	}
	return errors.Join(append([]error{errMissed}, errs...)...)
}

func (s summary) print(w io.Writer, used string) {
	row := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%-24s%s\n", name, fmt.Sprintf(format, args...))
	}
	row("requests", "%10d   in %d jobs, %d attempts made again", s.requests, s.jobs, s.retried)
	row("  refused by a limit", "%10d", s.refused)
	row("  failed", "%10d", s.failed)
	total := 0
	for _, n := range s.asked {
		total += n
	}
	row("GitHub requests", "%10d", total)
	for _, status := range slices.Sorted(maps.Keys(s.asked)) {
		row(fmt.Sprintf("  %d", status), "%10d   %s", s.asked[status], http.StatusText(status))
	}
	row("points spent", "%10d", s.points)
	row("distinct changes seen", "%10d", s.distinct)
	row("points ÷ changes", "%10.3f   target 1.00, at most %.2f%s", s.ratio(), mostPointsForAChange, s.where())
	row("stale answers", "%10d", s.stale)
	row("corrupt answers", "%10d", s.corrupt)
	row("latency p50", "%10.1f ms", s.p50.Seconds()*1e3)
	row("latency p99", "%10.1f ms", s.p99.Seconds()*1e3)
	row("wall time", "%10.1f s", s.wall.Seconds())
	if used != "" {
		row("the proxy took", "  %s", used)
	}
}

// where says which kinds of resources cost more than one point for a change.
func (s summary) where() string {
	kinds := slices.DeleteFunc(slices.Collect(maps.Keys(s.dear)), func(kind string) bool { return s.dear[kind] <= 0 })
	slices.SortFunc(kinds, func(a, b string) int { return cmp.Or(cmp.Compare(s.dear[b], s.dear[a]), cmp.Compare(a, b)) })
	var parts []string
	for _, kind := range kinds {
		parts = append(parts, fmt.Sprintf("%s %d", kind, s.dear[kind]))
	}
	if len(parts) == 0 {
		return ""
	}
	return "; beyond: " + strings.Join(parts, ", ")
}

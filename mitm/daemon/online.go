package daemon

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"octopool/mitm"
	"octopool/mitm/config"
	"octopool/policy/pool"
)

// onlineWithin is how long GitHub may take to answer for all credentials.
const onlineWithin = 2 * time.Minute

// CheckOnline asks GitHub about every credential, and writes what each can see and spend.
// Which it asks about goes to progress. With any that is bad the error says so; what is
// wrong with each, and what to do about it, has been written.
func CheckOnline(ctx context.Context, s config.Settings, out, progress io.Writer) error {
	of := s.Pools()
	of.Transport, of.UserAgent = mitm.NewUpstream(s.GitHubs, s.Next), "octopool/"+Version()+" (check)"
	pools, err := pool.New(of)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, onlineWithin)
	defer cancel()
	found := pools.Online(ctx, func(name string) { fmt.Fprintf(progress, "asking GitHub about %s\n", name) })
	if err := writeFindings(out, found, time.Now()); err != nil {
		return err
	}
	bad := 0
	for _, f := range found {
		if f.Wrong != "" {
			bad++
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d credentials cannot be used; what to do about it stands above", bad, len(found))
	}
	return nil
}

// writeFindings writes a line for each that is good, and below what is wrong with others.
func writeFindings(to io.Writer, found []pool.Finding, now time.Time) error {
	var lines strings.Builder
	t := tabwriter.NewWriter(&lines, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "CREDENTIAL\tSTATE\tWHO\tCAN SPEND\tEXPIRES\tSEES")
	for _, f := range found {
		state, expires := "ok", "-"
		if f.Wrong != "" {
			state = "bad"
		}
		if !f.Expires.IsZero() {
			expires = fmt.Sprintf("in %d days", int(f.Expires.Sub(now).Hours()/24))
		}
		fmt.Fprintln(t, strings.Join([]string{f.Name, state, printable(cmp.Or(f.Who, "-")), budgets(f), expires, printable(cmp.Or(f.Sees, "-"))}, "\t"))
	}
	t.Flush()
	for _, f := range found {
		if f.Wrong == "" {
			continue
		}
		fmt.Fprintf(&lines, "\n%s: %s\n", f.Name, printable(f.Wrong))
		if f.Next != "" {
			fmt.Fprintf(&lines, "  %s\n", f.Next)
		}
	}
	_, err := io.WriteString(to, lines.String())
	return err
}

// budgets are the two that nearly all is spent of, and any other that is spent.
func budgets(f pool.Finding) string {
	if f.Wrong != "" {
		return "-"
	}
	if len(f.Budgets) == 0 {
		return "no limit"
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(f.Budgets)) {
		b := f.Budgets[name]
		if name == "core" || name == "graphql" || b.Limit > 0 && b.Remaining == 0 {
			out = append(out, fmt.Sprintf("%s %d/%d", printable(name), b.Remaining, b.Limit))
		}
	}
	return strings.Join(out, ", ")
}

// printable is a text from outside without what a terminal would take for an order.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '\ufffd'
		}
		return r
	}, text)
}

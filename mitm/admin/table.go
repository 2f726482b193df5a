package admin

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// WriteTable writes a status for people: credentials, clients, and what is kept.
func (s Status) WriteTable(to io.Writer) error {
	var out strings.Builder
	state := "not ready"
	if slices.ContainsFunc(s.Pools, func(p Pool) bool { return p.Ready }) {
		state = "ready"
	}
	fmt.Fprintf(&out, "octopool %s, %s, started %s ago\n\n", printable(s.Version), state, span(s.Now.Sub(s.Started)))
	if told := s.Configuration.lines(s.Now); told != "" {
		out.WriteString(told + "\n")
	}
	out.WriteString(s.credentials() + "\n")
	out.WriteString(s.clients() + "\n")
	fmt.Fprintf(&out, "Store: %s, %s\n", s.Store.kept(), s.Store.troubles())
	fmt.Fprintf(&out, "ETags: %s\n", s.Formula)
	fmt.Fprintf(&out, "Tunnels: %d open, %s sent, %s received\n", s.Tunnels.Active, size(s.Tunnels.SentBytes), size(s.Tunnels.ReceivedBytes))
	_, err := io.WriteString(to, out.String())
	return err
}

// credentials has a line for each, and a column for each resource that any of them has
// heard of.
func (s Status) credentials() string {
	resources := map[string]bool{}
	hosts := map[string]bool{}
	for _, p := range s.Pools {
		hosts[p.GitHub] = true
		for _, c := range p.Credentials {
			for resource := range c.Budgets {
				resources[resource] = true
			}
		}
	}
	columns := slices.Sorted(maps.Keys(resources))
	t := newTable()
	header := []string{"CREDENTIAL", "KIND", "POOL", "OWNER", "STATE"}
	for _, resource := range columns {
		header = append(header, strings.ToUpper(resource))
	}
	t.row(append(header, "")...)
	first := map[string]string{} // credential that has a principal's budgets
	for _, p := range s.Pools {
		pool := p.Name
		if len(hosts) > 1 {
			pool += " of " + p.GitHub
		}
		for _, c := range p.Credentials {
			owner := cmp.Or(c.Owner, strings.TrimPrefix(c.Principal, "user "), "-")
			cells := []string{c.Name, c.Kind, pool, owner, "up"}
			why := ""
			if !c.Up {
				cells[4], why = "down", c.Reason+s.again(c)
			}
			known := p.GitHub + " " + c.Principal
			if other := first[known]; other != "" && c.Principal != "" {
				why = strings.Join(nonEmpty(why, "spends with "+other), "; ")
			} else {
				first[known] = c.Name
			}
			for _, resource := range columns {
				cells = append(cells, s.left(c.Budgets[resource]))
			}
			t.row(append(cells, why)...)
		}
	}
	return t.text()
}

// clients has a line for each.
func (s Status) clients() string {
	t := newTable()
	t.row("CLIENT", "REQUESTS", "SPENT", "SAVED", "ALLOWANCE", "IN FLIGHT", "WAITING", "REFUSED")
	for _, c := range s.Clients {
		var allowance Budget
		if c.Allowance != nil {
			allowance = *c.Allowance
		}
		var refused []string
		for _, reason := range slices.Sorted(maps.Keys(c.Refused)) {
			refused = append(refused, fmt.Sprintf("%d %s", c.Refused[reason], reason))
		}
		for _, reason := range slices.Sorted(maps.Keys(c.WouldRefuse)) {
			refused = append(refused, fmt.Sprintf("%d %s reported only", c.WouldRefuse[reason], reason))
		}
		t.row(c.Name, number(total(c.Requests)), number(total(c.PointsSpent)), number(total(c.PointsSaved)), s.left(allowance),
			number(c.InFlight), number(c.Waiting), cmp.Or(strings.Join(refused, ", "), "-"))
	}
	return t.text()
}

func (s Store) kept() string {
	return counted(s.Entries, "answer", "answers") + " in " + size(s.Bytes)
}

func (s Store) troubles() string {
	return counted(s.Errors, "error", "errors") + ", " + counted(s.Evictions, "eviction", "evictions")
}

func (f Formula) String() string { return fmt.Sprintf("%d as computed, %d not", f.Match, f.Mismatch) }

// left is what is left of a budget and when it is whole again.
func (s Status) left(b Budget) string {
	if b.Limit == 0 && b.Reset.IsZero() {
		return "-"
	}
	return fmt.Sprintf("%d/%d in %s", b.Remaining, b.Limit, span(b.Reset.Sub(s.Now)))
}

// again is when a credential that is down may be tried.
func (s Status) again(c Credential) string {
	switch {
	case c.Retry == nil:
		return ""
	case c.Retry.After(s.Now):
		return ", tried again in " + span(c.Retry.Sub(s.Now))
	}
	return ", tried again with the next request"
}

// A table lines up its cells.
type table struct {
	lines strings.Builder
	cells *tabwriter.Writer
}

func newTable() *table {
	t := new(table)
	t.cells = tabwriter.NewWriter(&t.lines, 0, 0, 2, ' ', 0)
	return t
}

// row adds a line. No cell is trusted to be harmless on a terminal.
func (t *table) row(cells ...string) {
	for i, cell := range cells {
		cells[i] = printable(cell)
	}
	fmt.Fprintln(t.cells, strings.Join(cells, "\t"))
}

// text is the table, without spaces at the ends of lines.
func (t *table) text() string {
	t.cells.Flush()
	var out strings.Builder
	for line := range strings.Lines(t.lines.String()) {
		out.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return out.String()
}

// printable is text without what a terminal would take for an order.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '\ufffd'
		}
		return r
	}, text)
}

func nonEmpty(texts ...string) []string {
	return slices.DeleteFunc(texts, func(text string) bool { return text == "" })
}

func total(counts map[string]uint64) (sum uint64) {
	for _, n := range counts {
		sum += n
	}
	return sum
}

func number[N int | uint64](n N) string { return fmt.Sprint(n) }

func counted(n uint64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// span is a duration in its two largest units, as people say it. What has not ended is
// not counted.
func span(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%ds", max(0, d/time.Second))
	}
	units := []struct {
		name string
		of   time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}}
	for i, u := range units {
		if d < u.of {
			continue
		}
		text := fmt.Sprintf("%d%s", d/u.of, u.name)
		if i+1 < len(units) && d%u.of >= units[i+1].of {
			text += fmt.Sprintf("%d%s", d%u.of/units[i+1].of, units[i+1].name)
		}
		return text
	}
	return ""
}

func size(bytes uint64) string {
	const kibi = 1 << 10
	if bytes < kibi {
		return fmt.Sprintf("%d B", bytes)
	}
	n, unit := float64(bytes)/kibi, 0
	for n >= kibi && unit < 4 {
		n, unit = n/kibi, unit+1
	}
	return fmt.Sprintf("%.1f %ciB", n, "KMGTP"[unit])
}

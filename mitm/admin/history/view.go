package history

import (
	"cmp"
	"slices"
	"time"
)

// A View is what GET /api/history answers, as JSON: what was remembered of all clients, or
// of one. No key is ever left out, and times are octopool's. Lists of numbers are oldest
// first, and their last is of a stretch that has not ended.
type View struct {
	Started time.Time `json:"started"` // nothing is known of before
	Now     time.Time `json:"now"`
	Client  string    `json:"client"` // "" for all

	Hour     Hour      `json:"hour"` // of all clients, whoever is asked for
	Day      Day       `json:"day"`
	Clients  []Sum     `json:"clients"` // by points spent in a day, the most first
	Routes   []Sum     `json:"routes"`  // the same
	Budgets  []Burn    `json:"budgets"`
	Troubles []Trouble `json:"troubles"` // newest first
}

// Hour is the last hour of all clients.
type Hour struct {
	Seconds  int                 `json:"seconds"`  // that each number is for
	From     time.Time           `json:"from"`     // when the first stretch began
	Outcomes map[string][]uint64 `json:"outcomes"` // requests, by how they were answered
	Spent    []uint64            `json:"points_spent"`
	Saved    []uint64            `json:"points_saved"`
}

// Day is the last day.
type Day struct {
	Seconds  int       `json:"seconds"`
	From     time.Time `json:"from"`
	Requests []uint64  `json:"requests"`
	Spent    []uint64  `json:"points_spent"`
	Saved    []uint64  `json:"points_saved"`
	Refused  []uint64  `json:"refused"`
}

// A Sum is what a client or a route came to in the last hour, or up to five minutes more,
// and in the last day. A route is GitHub's own path template, or a kind of request that
// has none, such as git.
type Sum struct {
	Name string `json:"name"`
	Hour Tally  `json:"hour"`
	Day  Tally  `json:"day"`
}

// A Burn is how a budget went in the last hour.
type Burn struct {
	Credential string  `json:"credential"` // that /api/status has the budget with
	Resource   string  `json:"resource"`
	Remaining  []*int  `json:"remaining"`  // at the end of each minute; null where it was not known
	PerMinute  float64 `json:"per_minute"` // points, over the last ten minutes
}

// View is what is remembered, of all clients or of the one that is named.
func (h *History) View(now time.Time, client string) View {
	h.mu.Lock()
	defer h.mu.Unlock()
	v := View{Started: h.started, Now: now, Client: client, Hour: h.lastHour(now), Budgets: h.budgets.view(now), Troubles: h.troubles.of(client)}
	if client == "" {
		v.Day = dayOf(h.day.last(now), h.day.from())
		v.Clients, v.Routes = known(h.clients, now, name), known(h.routes, now, name)
		return v
	}
	own := h.clients.days[client]
	if own == nil {
		own = newRing[small](coarse, coarseSlots, now)
	}
	day := []Tally{}
	for _, s := range own.last(now) {
		day = append(day, s.tally())
	}
	v.Day = dayOf(day, own.from())
	v.Clients = known(h.clients, now, func(name string) (string, bool) { return name, name == client })
	v.Routes = known(h.calls, now, func(c Call) (string, bool) { return c.Route, c.Client == client })
	return v
}

func name(s string) (string, bool) { return s, true }

// known are the rows of a table that came to anything in a day, and that have a name here.
func known[K comparable](t table[K], now time.Time, name func(K) (string, bool)) []Sum {
	out := []Sum{}
	for key, row := range t.days {
		text, ok := name(key)
		if !ok {
			continue
		}
		if hour, day := sums(row, now); day != (Tally{}) {
			out = append(out, Sum{text, hour, day})
		}
	}
	slices.SortFunc(out, func(a, b Sum) int {
		return cmp.Or(cmp.Compare(b.Day.Spent, a.Day.Spent), cmp.Compare(b.Day.Requests, a.Day.Requests), cmp.Compare(a.Name, b.Name))
	})
	return out
}

func (h *History) lastHour(now time.Time) Hour {
	slots := h.hour.last(now)
	out := Hour{Seconds: int(fine / time.Second), From: h.hour.from(), Outcomes: map[string][]uint64{}}
	for i, name := range h.outcomes {
		out.Outcomes[name] = column(slots, func(m moment) uint64 { return m.outcomes[i] })
	}
	out.Spent = column(slots, func(m moment) uint64 { return m.Spent })
	out.Saved = column(slots, func(m moment) uint64 { return m.Saved })
	return out
}

func dayOf(slots []Tally, from time.Time) Day {
	return Day{
		Seconds: int(coarse / time.Second), From: from,
		Requests: column(slots, func(t Tally) uint64 { return t.Requests }),
		Spent:    column(slots, func(t Tally) uint64 { return t.Spent }),
		Saved:    column(slots, func(t Tally) uint64 { return t.Saved }),
		Refused:  column(slots, func(t Tally) uint64 { return t.Refused }),
	}
}

func column[T any](slots []T, of func(T) uint64) []uint64 {
	out := make([]uint64, len(slots))
	for i, s := range slots {
		out[i] = of(s)
	}
	return out
}

func (g gauges) view(now time.Time) []Burn {
	out := []Burn{}
	for b, r := range g {
		slots := r.last(now)
		one := Burn{Credential: b.Credential, Resource: b.Resource, PerMinute: burn(slots), Remaining: make([]*int, len(slots))}
		for i, s := range slots {
			if s > 0 {
				n := int(s) - 1
				one.Remaining[i] = &n
			}
		}
		out = append(out, one)
	}
	slices.SortFunc(out, func(a, b Burn) int {
		return cmp.Or(cmp.Compare(a.Credential, b.Credential), cmp.Compare(a.Resource, b.Resource))
	})
	return out
}

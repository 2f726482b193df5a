// Package history remembers what an octopool did in the last 24 hours, in memory of a
// fixed size. It is given the sums of everything counted since start, now and then, and
// keeps what was added between: a request costs it nothing. It knows no proxy, has no
// clock and starts nothing.
package history

import (
	"slices"
	"sync"
	"time"
)

// How long is remembered, and how finely. The slots begin at whole multiples by Unix time,
// so midnight is the beginning of one in every time zone there is.
const (
	fine, fineSlots     = 10 * time.Second, 360 // an hour
	coarse, coarseSlots = 5 * time.Minute, 288  // a day
)

// How many of each are remembered at most. Clients are those of the configuration and
// routes GitHub's own, of which a service uses some dozens; where there are more, those
// that came to least in a day are forgotten first.
const (
	mostClients = 300
	mostRoutes  = 300
	mostCalls   = 1000
	mostBudgets = 300
)

// A Tally is what something came to.
type Tally struct {
	Requests uint64 `json:"requests"`
	Spent    uint64 `json:"points_spent"`
	Saved    uint64 `json:"points_saved"`
	Refused  uint64 `json:"refused"`
}

// Plus is both together.
func (t Tally) Plus(o Tally) Tally {
	return Tally{t.Requests + o.Requests, t.Spent + o.Spent, t.Saved + o.Saved, t.Refused + o.Refused}
}

// minus is what came since o. Counters are read one by one while they are counted, and
// none may be taken to have gone back.
func (t Tally) minus(o Tally) Tally {
	less := func(a, b uint64) uint64 { return a - min(a, b) }
	return Tally{less(t.Requests, o.Requests), less(t.Spent, o.Spent), less(t.Saved, o.Saved), less(t.Refused, o.Refused)}
}

// A Call is what a client asks for.
type Call struct{ Client, Route string }

// A Budget is one that is watched: what a credential's principal may spend on a resource.
type Budget struct{ Credential, Resource string }

// A Reading is everything that was counted since start, and what is left of budgets.
type Reading struct {
	Outcomes map[string]uint64 // requests, by how they were answered
	Clients  map[string]Tally
	Calls    map[Call]Tally
	Budgets  map[Budget]int
}

// A History remembers readings. Its methods may be called from any goroutine.
type History struct {
	started time.Time

	mu       sync.Mutex // guards what follows
	outcomes []string   // names of the slots' columns, in the order they were first seen
	before   [mostOutcomes]uint64
	hour     *ring[moment]
	day      *ring[Tally]
	clients  table[string]
	routes   table[string]
	calls    table[Call]
	budgets  gauges

	troubles troubles // has a lock of its own
}

// mostOutcomes is more than there are.
const mostOutcomes = 12

// A moment is one slot of the last hour.
type moment struct {
	Tally
	outcomes [mostOutcomes]uint64
}

// New returns a history that begins now.
func New(now time.Time) *History {
	return &History{
		started: now,
		hour:    newRing[moment](fine, fineSlots, now),
		day:     newRing[Tally](coarse, coarseSlots, now),
		clients: newTable[string](mostClients), routes: newTable[string](mostRoutes), calls: newTable[Call](mostCalls),
		budgets: gauges{},
	}
}

// Add remembers a reading. Readings come in the order they were taken.
func (h *History) Add(now time.Time, r Reading) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all Tally
	for name, sum := range r.Clients {
		all = all.Plus(h.clients.add(now, name, sum))
	}
	routes := map[string]Tally{}
	for call, sum := range r.Calls {
		h.calls.add(now, call, sum)
		routes[call.Route] = routes[call.Route].Plus(sum)
	}
	for route, sum := range routes {
		h.routes.add(now, route, sum)
	}
	slot := h.hour.at(now)
	slot.Tally = slot.Plus(all)
	for name, n := range r.Outcomes {
		if i := h.column(name); i >= 0 {
			slot.outcomes[i] += n - min(n, h.before[i])
			h.before[i] = n
		}
	}
	today := h.day.at(now)
	*today = today.Plus(all)
	h.budgets.add(now, r.Budgets)
}

// Trouble notes a request that has just got a refusal, or an answer that went wrong. It takes
// about as long however many there were.
func (h *History) Trouble(now time.Time, t Trouble) { h.troubles.add(now, t) }

// column is where an outcome is counted; -1 when there are too many.
func (h *History) column(name string) int {
	if i := slices.Index(h.outcomes, name); i >= 0 {
		return i
	}
	if len(h.outcomes) == mostOutcomes {
		return -1
	}
	h.outcomes = append(h.outcomes, name)
	return len(h.outcomes) - 1
}

package learning

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// Bounds of a Memory: how much of a client's is told apart, and for how long.
const (
	mostUses = 2000
	day      = 24 // hours
)

// A Memory is what clients did in the last day. It is safe for concurrent use; the zero
// Memory is empty.
type Memory struct {
	mu      sync.Mutex // guards clients
	clients map[string]*memory
}

// memory is one client's.
type memory struct {
	uses      map[Use]*hours
	forgotten hours // requests of kinds that there was no room for
}

// hours counts by the hour, for a day.
type hours struct {
	counts [day]uint64
	last   int64 // the hour that was counted in last
}

// Note remembers what a client has made use of.
func (m *Memory) Note(client string, uses []Use, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.clients == nil {
		m.clients = map[string]*memory{}
	}
	c := m.clients[client]
	if c == nil {
		c = &memory{uses: map[Use]*hours{}}
		m.clients[client] = c
	}
	hour := now.Unix() / 3600
	for _, u := range uses {
		counted := c.uses[u]
		if counted == nil {
			if counted = c.room(hour); counted != &c.forgotten {
				c.uses[u] = counted
			}
		}
		counted.add(hour)
	}
}

// room is where to count a use that is new: in vain if there is no room for it.
func (c *memory) room(hour int64) *hours {
	if len(c.uses) >= mostUses && c.forgotten.last != hour { // looked for once an hour
		for u, h := range c.uses {
			if h.since(hour) == 0 {
				delete(c.uses, u)
			}
		}
	}
	if len(c.uses) >= mostUses {
		return &c.forgotten
	}
	return new(hours)
}

func (h *hours) add(hour int64) {
	for at := max(h.last+1, hour-day+1); at <= hour; at++ {
		h.counts[at%day] = 0
	}
	h.last = max(h.last, hour)
	h.counts[h.last%day]++
}

// since is how often it was in the day that ends with an hour.
func (h *hours) since(hour int64) (n uint64) {
	for at := max(0, hour-day+1); at <= min(hour, h.last); at++ {
		if at > h.last-day {
			n += h.counts[at%day]
		}
	}
	return n
}

// Usage is what a client did in the last day: what GET /api/clients/NAME/usage answers.
type Usage struct {
	Client    string    `json:"client"`
	Now       time.Time `json:"now"`
	Since     time.Time `json:"since"`     // what was done earlier is not remembered
	GitHubs   []string  `json:"githubs"`   // that octopool stands before
	Uses      []Counted `json:"uses"`      // by GitHub, verb and pattern
	Forgotten uint64    `json:"forgotten"` // requests of kinds that there was no room for
}

// Counted is a use and how often it was.
type Counted struct {
	Use
	Requests uint64 `json:"requests"`
}

// Of is what is remembered of a client, with neither GitHubs nor when that began.
func (m *Memory) Of(client string, now time.Time) Usage {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := Usage{Client: client, Now: now, Uses: []Counted{}}
	c := m.clients[client]
	if c == nil {
		return out
	}
	hour := now.Unix() / 3600
	out.Forgotten = c.forgotten.since(hour)
	for u, h := range c.uses {
		if n := h.since(hour); n > 0 {
			out.Uses = append(out.Uses, Counted{u, n})
		}
	}
	slices.SortFunc(out.Uses, func(a, b Counted) int {
		return cmp.Or(cmp.Compare(a.GitHub, b.GitHub), cmp.Compare(a.Verb, b.Verb), cmp.Compare(a.Pattern, b.Pattern), cmp.Compare(a.Route, b.Route))
	})
	return out
}

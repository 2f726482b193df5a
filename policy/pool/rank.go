package pool

import (
	"cmp"
	"hash/fnv"
	"slices"
	"strings"
	"time"
)

// A request is a want and the credentials there are for it.
type request struct {
	want      Want
	client    *client
	members   []*credential // by name
	preferred []*credential // those of members that the want names
	caller    uint64        // what the order of a steady want begins with
	alike     bool          // to this want all are of one rank
}

// order finds out what there is for a request.
func (r *request) order(members []*credential) {
	r.members, r.preferred = members, r.preferred[:0]
	for _, name := range r.want.Prefer {
		if i, ok := slices.BinarySearchFunc(members, name, func(c *credential, name string) int { return strings.Compare(c.Name, name) }); ok {
			r.preferred = append(r.preferred, members[i])
		}
	}
	if r.want.Steady != "" {
		r.caller = lotOf(r.want.Steady)
	}
	r.alike = len(r.preferred) == 0 && r.want.Steady == "" && !r.want.App
}

// A rank orders the credentials that could serve a want, by all that does not change with
// time.
type rank struct {
	app       bool
	steady    uint64
	preferred bool
}

func (r *request) rank(c *credential) rank {
	var k rank
	k.app = r.want.App && c.app != nil
	if r.want.Steady != "" {
		k.steady = rendezvous(r.caller, c.lot)
	}
	k.preferred = slices.Contains(r.preferred, c)
	return k
}

// compare is above zero where r comes before o, and zero where the paces of their budgets
// decide.
func (r *rank) compare(o *rank) int {
	switch {
	case r.app != o.app:
		return sign(r.app)
	case r.steady != o.steady:
		return cmp.Compare(r.steady, o.steady)
	case r.preferred != o.preferred:
		return sign(r.preferred)
	}
	return 0
}

func sign(ahead bool) int {
	if ahead {
		return 1
	}
	return -1
}

// A choice is the best credential of those that were weighed.
type choice struct {
	now     int64 // in nanoseconds
	best    *credential
	rank    rank
	pace    float64 // points per second until the reset
	engaged hope    // when best will be free; it is there only for a steady want
	reached reach   // how far those reach that count
	h       hope    // when one of those that cannot serve now may
}

// settled reports whether nobody who is not preferred can be better.
func (ch *choice) settled(w *Want) bool {
	return ch.best != nil && ch.reached == covers && ch.rank.preferred && w.Steady == "" && (!w.App || ch.rank.app)
}

// weigh takes c if it is better than the best so far. To weigh it again changes nothing.
func (p *Pools) weigh(ch *choice, c *credential, r *request, now time.Time) {
	far := c.reach(&r.want, r.client)
	if far == outside || far < ch.reached {
		return
	}
	if far > ch.reached { // what was found is another account's
		*ch = choice{now: ch.now, reached: far}
	}
	ahead, rank := 0, rank{}
	if !r.alike {
		rank = r.rank(c)
		ahead = rank.compare(&ch.rank)
	}
	if ch.best == nil {
		ahead = 1
	}
	if ahead < 0 {
		return
	}
	b := c.principal.budget(r.want.Resource)
	pace := b.paceAt(ch.now)
	if ahead == 0 && (pace < ch.pace || pace == ch.pace && (r.alike || c.Name >= ch.best.Name)) { // members come by name
		return
	}
	o, at := p.hurdle(c, b, r, now)
	if o > engaged || o == engaged && r.want.Steady == "" {
		ch.h.add(at)
		return
	}
	ch.best, ch.rank, ch.pace, ch.engaged = c, rank, pace, at
}

// rendezvous is highest-random-weight hashing: each caller has an order of all
// credentials that does not change when one of them comes or goes. It takes the lots of
// their names.
func rendezvous(caller, credential uint64) uint64 { return mix(caller ^ credential) }

// lotOf is a number for a name.
func lotOf(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return mix(h.Sum64())
}

// mix is the last step of MurmurHash3. Without it the last letter of a name hardly
// reaches FNV's high bits, and of bot-1, bot-2 and bot-3 one would get half of all
// callers.
func mix(h uint64) uint64 {
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

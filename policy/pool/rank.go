package pool

import (
	"cmp"
	"hash/fnv"
)

// A rank orders the credentials that could serve a want, by all that does not change with
// time.
type rank struct {
	app      bool
	steady   uint64
	affinity int
}

func (w *Want) rank(c *credential) rank {
	r := rank{app: w.App && c.app != nil}
	if w.Steady != "" {
		r.steady = rendezvous(w.Steady, c.Name)
	}
	if w.Affinity != nil {
		r.affinity = w.Affinity(c.Name)
	}
	return r
}

// compare is above zero where r comes before o, and zero where the paces of their budgets
// decide.
func (r *rank) compare(o *rank) int {
	switch {
	case r.app == o.app:
		return cmp.Or(cmp.Compare(r.steady, o.steady), cmp.Compare(r.affinity, o.affinity))
	case r.app:
		return 1
	}
	return -1
}

// rendezvous is highest-random-weight hashing: each caller has an order of all
// credentials that does not change when one of them comes or goes.
func rendezvous(caller, credential string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(caller))
	h.Write([]byte{0})
	h.Write([]byte(credential))
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

package history

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// A table has the last day of each of some things, and room for so many of them.
type table[K comparable] struct {
	most int
	sums map[K]Tally // since start, as last read
	days map[K]*ring[small]
}

// A small is a Tally of five minutes, in fewer bits: most of what a history weighs is here.
type small struct{ requests, spent, saved, refused uint32 }

func (s small) tally() Tally {
	return Tally{uint64(s.requests), uint64(s.spent), uint64(s.saved), uint64(s.refused)}
}

func (s small) plus(t Tally) small {
	return small{s.requests + uint32(t.Requests), s.spent + uint32(t.Spent), s.saved + uint32(t.Saved), s.refused + uint32(t.Refused)}
}

func newTable[K comparable](most int) table[K] {
	return table[K]{most: most, sums: map[K]Tally{}, days: map[K]*ring[small]{}}
}

// add notes the sum of one thing since start, and returns what is new of it.
func (t *table[K]) add(now time.Time, key K, sum Tally) Tally {
	added := sum.minus(t.sums[key])
	if added == (Tally{}) {
		return added
	}
	t.sums[key] = sum
	day := t.days[key]
	if day == nil {
		t.makeRoom(now)
		day = newRing[small](coarse, coarseSlots, now)
		t.days[key] = day
	}
	slot := day.at(now)
	*slot = slot.plus(added)
	return added
}

// makeRoom forgets those that came to least, a tenth of all at once, so that a table that
// is always full is not looked through each time.
func (t *table[K]) makeRoom(now time.Time) {
	if len(t.days) < t.most {
		return
	}
	came := make(map[K]Tally, len(t.days))
	for key, day := range t.days {
		_, came[key] = sums(day, now)
	}
	least := slices.SortedFunc(maps.Keys(came), func(a, b K) int {
		return cmp.Or(cmp.Compare(came[a].Spent, came[b].Spent), cmp.Compare(came[a].Requests, came[b].Requests))
	})
	for _, key := range least[:(t.most+9)/10] {
		delete(t.days, key)
	}
}

// hourSlots are the slots of a whole hour and the one that has begun.
const hourSlots = int(time.Hour/coarse) + 1

// sums are what something came to in the last hour, from where a slot begins, and day.
func sums(r *ring[small], now time.Time) (hour, day Tally) {
	for i, s := range r.last(now) {
		day = day.Plus(s.tally())
		if i >= coarseSlots-hourSlots {
			hour = hour.Plus(s.tally())
		}
	}
	return hour, day
}

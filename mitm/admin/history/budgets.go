package history

import (
	"math"
	"time"
)

// Budgets are remembered by the minute, for an hour.
const budgetSlots = 60

// pace is over how many minutes it is judged how fast a budget is spent.
const paceSlots = 10

// gauges are what was left of budgets.
type gauges map[Budget]*ring[left]

// left is what was last seen to be left in a minute, and one more: 0 is a minute in which
// nothing was seen.
type left uint32

func (g gauges) add(now time.Time, all map[Budget]int) {
	for b := range g {
		if _, there := all[b]; !there {
			delete(g, b)
		}
	}
	for b, remaining := range all {
		r := g[b]
		if r == nil && len(g) >= mostBudgets {
			continue
		}
		if r == nil {
			r = newRing[left](time.Minute, budgetSlots, now)
			g[b] = r
		}
		*r.at(now) = left(min(max(remaining, 0), math.MaxInt32)) + 1
	}
}

// burn is how fast a budget was spent lately, in points a minute, whoever spent them. What
// comes back at a reset is left out.
func burn(slots []left) float64 {
	slots = slots[max(0, len(slots)-paceSlots):]
	first, spent := -1, 0
	for i, s := range slots {
		if s == 0 {
			continue
		}
		if first < 0 {
			first = i
		} else if before := previous(slots, i); s < before {
			spent += int(before - s)
		}
	}
	if first < 0 || first == len(slots)-1 {
		return 0 // one minute says nothing
	}
	return float64(spent) / float64(len(slots)-1-first)
}

// previous is the last known before i; there is one.
func previous(slots []left, i int) left {
	for i--; slots[i] == 0; i-- {
	}
	return slots[i]
}

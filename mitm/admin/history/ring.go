package history

import "time"

// A ring has a slot for each stretch of time of one length, and forgets the oldest.
type ring[T any] struct {
	every time.Duration
	slots []T
	head  int64 // number of the newest slot, counted from 1970
}

func newRing[T any](every time.Duration, slots int, now time.Time) *ring[T] {
	r := &ring[T]{every: every, slots: make([]T, slots)}
	r.head = now.Unix() / r.seconds()
	return r
}

func (r *ring[T]) seconds() int64 { return int64(r.every / time.Second) }

// at is the slot of now. A clock that was set back goes on in the newest.
func (r *ring[T]) at(now time.Time) *T {
	n := int64(len(r.slots))
	number := max(now.Unix()/r.seconds(), r.head)
	for passed := max(r.head+1, number-n+1); passed <= number; passed++ {
		r.slots[passed%n] = *new(T)
	}
	r.head = number
	return &r.slots[number%n]
}

// last are all slots, oldest first, the last of them that of now.
func (r *ring[T]) last(now time.Time) []T {
	r.at(now)
	first := (r.head + 1) % int64(len(r.slots))
	return append(append(make([]T, 0, len(r.slots)), r.slots[first:]...), r.slots[:first]...)
}

// from is when the oldest slot began.
func (r *ring[T]) from() time.Time {
	return time.Unix((r.head-int64(len(r.slots))+1)*r.seconds(), 0).UTC()
}

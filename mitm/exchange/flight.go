package exchange

import (
	"context"
	"slices"
	"sync"
	"time"

	"octopool/store"
)

// A question is what requests have in common that may be given one answer.
type question struct {
	key    store.Key
	pool   string // and how its tokens are narrowed, see pool.Pools.Audience
	payer  string // the client, where its own allowance is at stake
	owner  string // as far as it was named: it decides whose credential is asked
	steady string // see pool.Want
	strict bool   // nothing that GitHub has not confirmed is an answer
}

// flights are the questions under way. Equal ones share a flight, but only one that has
// not been sent yet: whoever comes later is answered with what was true after it came.
// Else a client could write, read, and be handed what was true before its write.
type flights struct {
	mu       sync.Mutex // guards all below, and what of a flight says so
	boarding map[question]*flight
	aloft    map[store.Key]*traffic
	flying   int
	ended    sync.Cond // one of the flying has
}

// traffic is what is under way for keys that may have the same bytes, see kindred.
type traffic struct {
	flights  int
	bringing int           // of these, will be of use to who comes next
	landed   chan struct{} // closed when the next one lands
}

// patience is how long a flight waits for one that asks for the same and is under way,
// even if what that brings is likely no news: if it is, both would be paid for. It is
// about as long as GitHub takes, so that a herd costs one point for a change, and one
// answer that takes long holds nobody up.
const patience = 200 * time.Millisecond

// mostAloft is how many flights that ask for the same may be under way. With one, all
// would hang on an answer that never comes; with more, a change may be paid for by as
// many as were under way when it happened.
const mostAloft = 4

// A flight is one question on its way to GitHub and back. It belongs to none of those who
// wait for it, has a context of its own, and is cancelled when the last of them has left.
type flight struct {
	context.Context
	cancel   context.CancelFunc
	flights  *flights
	question question
	path     store.Key // kindred to the question's

	// Guarded by flights.mu.
	seats    []*seat // of those who wait for an answer, or read one that streams
	paid     bool    // somebody has been told what it cost
	aloft    bool
	bringing bool
}

// A seat is the place of one request in a flight.
type seat struct {
	context.Context
	whole   bool         // waits until the answer is complete
	arrival chan arrival // holds one
	served  bool         // guarded by flights.mu
}

type arrival struct {
	answer *Answer
	err    error
}

// join gives an answer to a question: that of a flight which has not been sent, else of
// a new one, which fly makes. The error is fly's, or that of ctx.
func (s *flights) join(ctx context.Context, q question, whole bool, fly func(*flight) error) (*Answer, error) {
	mine := &seat{Context: ctx, whole: whole, arrival: make(chan arrival, 1)}
	f := s.board(q, mine, fly)
	select {
	case got := <-mine.arrival:
		return got.answer, got.err
	case <-ctx.Done():
		f.leave(mine)
		select {
		case got := <-mine.arrival:
			if got.answer != nil {
				got.answer.Body.Close()
			}
		default:
		}
		return nil, ctx.Err()
	}
}

func (s *flights) board(q question, mine *seat, fly func(*flight) error) *flight {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.boarding[q]; f != nil {
		f.seats = append(f.seats, mine)
		return f
	}
	if s.boarding == nil {
		s.boarding, s.aloft, s.ended.L = map[question]*flight{}, map[store.Key]*traffic{}, &s.mu
	}
	f := &flight{flights: s, question: q, path: kindred(q.key), seats: []*seat{mine}}
	f.Context, f.cancel = context.WithCancel(context.WithoutCancel(mine.Context))
	s.boarding[q] = f
	s.flying++
	go func() {
		defer s.end(f)
		if err := fly(f); err != nil {
			f.fail(err)
		}
	}()
	return f
}

func (s *flights) end(f *flight) {
	f.land()
	f.cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flying--
	s.ended.Broadcast()
}

// wait returns when nothing is flying.
func (s *flights) wait() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.flying > 0 {
		s.ended.Wait()
	}
}

// turn waits until the flight may go, and then it counts as under way. What others bring is
// waited for, since then it need only be confirmed; others are for a moment, unless they are
// many.
func (f *flight) turn() error {
	landed := f.takeOff(true)
	if landed == nil {
		return nil
	}
	patience := time.NewTimer(patience)
	defer patience.Stop()
	for patient := true; landed != nil; landed = f.takeOff(patient) {
		select {
		case <-landed:
		case <-patience.C:
			patient = false
		case <-f.Done():
			return f.Err()
		}
	}
	return nil
}

// takeOff is nil when the flight may go, else closed when it is time to try again.
func (f *flight) takeOff(patient bool) (landed <-chan struct{}) {
	f.flights.mu.Lock()
	defer f.flights.mu.Unlock()
	if t := f.flights.aloft[f.path]; t != nil && (patient || t.bringing > 0 || t.flights >= mostAloft) {
		return t.landed
	}
	f.rise()
	return nil
}

// rise counts the flight as under way, with flights.mu held.
func (f *flight) rise() *traffic {
	t := f.flights.aloft[f.path]
	if t == nil {
		t = &traffic{landed: make(chan struct{})}
		f.flights.aloft[f.path] = t
	}
	if !f.aloft {
		f.aloft = true
		t.flights++
	}
	return t
}

// depart says that the flight is sent now: nobody joins it any more. A bringing one
// brings what those who come later can use.
func (f *flight) depart(bringing bool) {
	f.flights.mu.Lock()
	defer f.flights.mu.Unlock()
	f.shut()
	if t := f.rise(); bringing && !f.bringing {
		f.bringing = true
		t.bringing++
	}
}

// brings says of a flight that has been sent that it turned out to be a bringing one.
func (f *flight) brings() { f.depart(true) }

// land says that nobody need wait for the flight any more, though it may still stream.
func (f *flight) land() {
	f.flights.mu.Lock()
	defer f.flights.mu.Unlock()
	f.shut()
	if !f.aloft {
		return
	}
	t := f.flights.aloft[f.path]
	t.flights--
	if f.bringing {
		t.bringing--
	}
	f.aloft, f.bringing = false, false
	close(t.landed)
	t.landed = make(chan struct{})
	if t.flights == 0 {
		delete(f.flights.aloft, f.path)
	}
}

// show gives a copy of the answer, which still streams, to everybody who waits and does
// not want it whole. What it cost is told to the first.
func (f *flight) show(a *Answer) {
	f.serve(a, func(s *seat) bool { return !s.whole })
}

// deliver gives it to everybody who waits.
func (f *flight) deliver(a *Answer) {
	f.serve(a, func(*seat) bool { return true })
}

func (f *flight) serve(a *Answer, whom func(*seat) bool) {
	f.flights.mu.Lock()
	defer f.flights.mu.Unlock()
	f.shut()
	f.seats = slices.DeleteFunc(f.seats, func(s *seat) bool {
		if s.served || !whom(s) {
			return false
		}
		s.served = true
		s.arrival <- arrival{answer: a.shared(s, f.paid, func() { f.leave(s) })}
		f.paid = true
		return a.AtHand()
	})
}

// answered reports whether there was an answer that needs no GitHub, and delivers it. Who
// boards while it is found may have written since, so it must be one when all are aboard.
func (f *flight) answered(find func() *Answer) bool {
	if find() == nil {
		return false
	}
	f.close()
	a := find()
	if a != nil {
		f.deliver(a)
	}
	return a != nil
}

// close lets nobody board any more.
func (f *flight) close() {
	f.flights.mu.Lock()
	defer f.flights.mu.Unlock()
	f.shut()
}

// fail gives an error to everybody who has no answer yet.
func (f *flight) fail(err error) {
	f.flights.mu.Lock()
	defer f.flights.mu.Unlock()
	f.shut()
	f.seats = slices.DeleteFunc(f.seats, func(s *seat) bool {
		if s.served {
			return false
		}
		s.arrival <- arrival{err: err}
		return true
	})
}

// leave gives a seat up. The last to leave ends the flight.
func (f *flight) leave(s *seat) {
	f.flights.mu.Lock()
	defer f.flights.mu.Unlock()
	f.seats = slices.DeleteFunc(f.seats, func(other *seat) bool { return other == s })
	if len(f.seats) == 0 {
		f.shut()
		f.cancel()
	}
}

// shut is close with flights.mu held.
func (f *flight) shut() {
	if f.flights.boarding[f.question] == f {
		delete(f.flights.boarding, f.question)
	}
}

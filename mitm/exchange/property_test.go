package exchange_test

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"octopool/mitm/exchange"
	"octopool/mitm/githubtest"
	"octopool/policy"
	"octopool/policy/pool"
	"octopool/store"
)

// A course is one way to go through the property below.
type course struct {
	name     string
	store    func() store.Store
	maxEntry int64
	freshFor time.Duration
	lasts    time.Duration // at least; stores keep some times to the second
	faults   bool
	opaque   func(step int) bool // whether no ETag follows the formula then
	outside  bool                // changes come from outside octopool too
}

func courses() []course {
	always := func(is bool) func(int) bool { return func(int) bool { return is } }
	roomy := func() store.Store { return store.NewMemory(0) }
	tiny := func() store.Store { return store.NewMemory(12 << 10) }
	return []course{
		{name: "calm", store: roomy, opaque: always(false), outside: true},
		{name: "faults", store: roomy, opaque: always(false), outside: true, faults: true},
		{name: "evictions", store: tiny, opaque: always(false), outside: true, faults: true},
		{name: "forgetful store", store: func() store.Store { return &losing{Store: roomy()} }, opaque: always(false), outside: true},
		{name: "small entries", store: roomy, maxEntry: 4 << 10, opaque: always(false), outside: true, faults: true},
		{name: "opaque", store: roomy, opaque: always(true), outside: true, faults: true},
		{name: "opaque now and then", store: roomy, opaque: func(step int) bool { return step/4%2 == 1 }, outside: true},
		{name: "fresh", store: roomy, freshFor: time.Hour, lasts: 2 * time.Second, opaque: always(false), faults: true},
	}
}

// losing is a store that loses every seventh body.
type losing struct {
	store.Store
	asked atomic.Int64
}

func (l *losing) Body(k store.Key, r *store.Representation) ([]byte, bool) {
	if l.asked.Add(1)%7 == 0 {
		return nil, false
	}
	return l.Store.Body(k, r)
}

// Promise 2: whatever changes, fails and is asked at the same moment, every answer is
// what GitHub would have sent its credential at some moment of the request. Where answers
// are served without asking, that holds as long as all changes go through octopool.
//
// The moments are the machine's, so a seed repeats what is drawn and not the whole run.
// OCTOPOOL_PROPERTY_SEED sets it.
func TestEveryAnswerWasTrueDuringItsRequest(t *testing.T) {
	seed := rand.Uint64()
	if text := os.Getenv("OCTOPOOL_PROPERTY_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("OCTOPOOL_PROPERTY_SEED=%d", seed)
	for _, c := range courses() {
		t.Run(c.name, func(t *testing.T) { newWalk(t, c, seed).run() })
	}
}

// callers are the clients. Most share a pool of hers and his, who see repositories
// differently; the others have a pool of a user who sees all and one who sees little.
func callers() []policy.Registration {
	var all []policy.Registration
	for i := range 11 {
		name, pool := fmt.Sprintf("client-%d", i+1), "default"
		if i%3 == 2 {
			pool = "other"
		}
		all = append(all, policy.Registration{Name: name, Token: policy.DigestOf(callerToken(name)), Pool: pool})
	}
	return all
}

func callerToken(name string) string { return "github_pat_of_" + name }

// lent are the credentials, by name, and whose each is.
func lent() map[string]struct{ pool, login string } {
	return map[string]struct{ pool, login string }{
		"hers": {"default", "octo-bot"}, "his": {"default", "hubot"},
		"all": {"other", "monalisa"}, "little": {"other", "passer-by"},
	}
}

// A walk is a course on its way.
type walk struct {
	*testing.T
	course
	seed   uint64
	github *githubtest.Server
	policy *policy.Policy
	store  store.Store
	gate   *gate
	truth  *truth
	now    atomic.Pointer[exchange.Exchange] // replaced by a restart with new tokens
	lives  int

	mu       sync.Mutex // guards what follows
	seen     []sighting
	tags     map[string]string // octopool's ETags, and the bodies they stand for
	outcomes map[exchange.Outcome]int
}

const (
	steps = 24 // of each client
	most  = 30 // changes from outside
)

func newWalk(t *testing.T, c course, seed uint64) *walk {
	w := &walk{T: t, course: c, seed: seed, store: c.store(), tags: map[string]string{}, outcomes: map[exchange.Outcome]int{}}
	w.github = githubtest.New()
	t.Cleanup(w.github.Close)
	var err error
	if w.policy, err = policy.New(policy.Rules{Clients: callers()}); err != nil {
		t.Fatal(err)
	}
	w.github.OpaqueETags(c.opaque(0))
	w.truth = newTruth(w.github)
	w.gate = newGate(w.github, len(callers()), w.random(100))
	w.gate.faults, w.gate.outside = c.faults, c.outside
	w.github.Intercept(w.gate.intercept)
	w.restart()
	return w
}

// random is a source of randomness for one goroutine.
func (w *walk) random(of int) *rand.Rand { return rand.New(rand.NewPCG(w.seed, uint64(of))) }

// restart begins another life of octopool, with new tokens and the store of the last.
func (w *walk) restart() {
	var all []pool.Credential
	for name, c := range lent() {
		token := fmt.Sprintf("ghp_%s_%d", c.login, w.lives)
		w.github.AddUser(c.login, token)
		all = append(all, pool.Credential{Name: name, GitHub: "github.com", Pool: c.pool, Token: policy.NewSecret(token)})
	}
	w.lives++
	pools, err := pool.New(pool.Config{Credentials: all})
	if err != nil {
		w.Fatal(err)
	}
	w.now.Store(exchange.New(exchange.Config{
		Store: w.store, Pools: pools, Upstream: w.github.Client().Transport, Log: slog.New(slog.DiscardHandler),
		UserAgent: "octopool/test", Tuning: exchange.Tuning{FreshFor: w.freshFor, MaxEntry: w.maxEntry},
	}))
}

func (w *walk) run() {
	var clients, changes sync.WaitGroup
	changes.Go(w.change)
	for i, c := range callers() {
		clients.Go(func() {
			defer w.gate.leave()
			w.client(c.Name, w.random(i))
		})
	}
	clients.Wait()
	w.gate.end()
	changes.Wait()
	wrong := 0
	for _, s := range w.seen {
		complaint := w.truth.judge(s)
		if complaint == "" {
			continue
		}
		if wrong++; wrong <= 5 { // the others are like them
			w.Errorf("%s\n%s", s, complaint)
		}
	}
	if wrong > 0 {
		w.Errorf("%d answers were wrong", wrong)
	}
	w.Logf("%d answers, %v; %d changes, %d faults, %d held", len(w.seen), w.outcomes, w.truth.changes, w.gate.played, w.gate.heldEver)
	needed := []exchange.Outcome{exchange.Fetched, exchange.Revalidated}
	if w.freshFor > 0 {
		needed = append(needed, exchange.Hit)
	}
	for _, o := range needed {
		if w.outcomes[o] == 0 {
			w.Errorf("no answer was %s: this shows nothing", o)
		}
	}
}

// change is what happens at GitHub by itself: whenever answers have come, or some are
// held back until something has changed.
func (w *walk) change() {
	random := w.random(101)
	for made := 0; w.outside && made < most && w.gate.wait(); made++ {
		switch step := random.IntN(20); {
		case step == 0:
			w.restart()
		case step < 3:
			w.github.OpaqueETags(w.opaque(made))
		default:
			w.truth.changeAny(random, made)
		}
		w.gate.changed()
	}
	w.gate.stopHolding()
}

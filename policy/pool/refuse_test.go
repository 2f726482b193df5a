package pool

import (
	"errors"
	"testing"
	"time"
)

// down, silent and spend say what has become of a credential.
func (w *world) down(name string) {
	w.t.Helper()
	w.lease(of(""), liking(name)).Settle(401, bare(), []byte(badCredentials))
}

func (w *world) silent(name, seconds string) {
	w.t.Helper()
	w.lease(of(""), liking(name)).Settle(403, bare("Retry-After", seconds), []byte(secondaryWords))
}

func (w *world) spend(name string, r Report) {
	w.t.Helper()
	w.lease(of(r.Resource), liking(name)).Settle(200, headers(r), nil)
}

// Why there is no lease is the reason of those that come nearest to one.
func TestWhyNone(t *testing.T) {
	spent := core(5000, in(30*time.Minute))
	const silentText = "pool default is silent until 2026-11-23T12:00:20Z after a secondary limit"
	const spentText = "pool default has no core budget left until 2026-11-23T12:30:00Z"
	const downText = "no credential of pool default is in service: GitHub answered 401 Bad credentials"
	for _, tt := range []struct {
		name   string
		do     func(*world)
		change []func(*Want)
		want   string
	}{
		{"no such pool", func(*world) {}, []func(*Want){func(w *Want) { w.Pool = "x" }}, "pool x has no credential"},
		{"no such pool, for an owner", func(*world) {}, []func(*Want){func(w *Want) { w.Pool = "x" }, about("acme")}, "no credential of pool x covers acme"},
		{"an owner nobody covers", func(*world) {}, []func(*Want){about("evil")}, "no credential of pool default covers evil"},
		{"an owner nobody covers, and all down", func(w *world) { w.down("a"); w.down("b") }, []func(*Want){about("evil")}, "no credential of pool default covers evil"},
		{"all down", func(w *world) { w.down("a"); w.down("b") }, nil, downText},
		{"all spent", func(w *world) { w.spend("a", spent); w.spend("b", spent) }, nil, spentText},
		{"all silent: until the first speaks", func(w *world) { w.silent("a", "40"); w.silent("b", "20") }, nil, silentText},
		{"down and spent", func(w *world) { w.down("a"); w.spend("b", spent) }, nil, spentText},
		{"down and silent", func(w *world) { w.down("a"); w.silent("b", "20") }, nil, silentText},
		{"spent and silent", func(w *world) { w.spend("a", spent); w.silent("b", "20") }, nil, silentText},
		{"one both spent and silent", func(w *world) { w.down("a"); w.spend("b", spent); w.silent("b", "20") }, nil, spentText},
		{"spent does not matter to git", func(w *world) { w.spend("a", spent); w.down("a"); w.silent("b", "20") }, []func(*Want){of("")}, silentText},
	} {
		w := newWorld(t, Credential{Name: "a", Owners: []string{"acme"}}, Credential{Name: "b", Owners: []string{"Acme", "umbrella"}})
		tt.do(w)
		l, err := w.Lease(w.want(tt.change...))
		if l != nil || err == nil || err.Error() != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
}

// The errors are of the types that the exchange's callers look for, with what they tell
// clients from.
func TestRefusalsTell(t *testing.T) {
	w := newWorld(t, named("a", "b")...)
	w.silent("a", "40")
	w.silent("b", "20")
	_, err := w.Lease(w.want())
	if e, ok := errors.AsType[*Cooling](err); !ok || *e != (Cooling{"default", in(20 * time.Second)}) {
		t.Errorf("silent: %#v", err)
	}
	w.pass(time.Minute)
	w.down("a")
	w.down("b")
	_, err = w.Lease(w.want())
	if e, ok := errors.AsType[*OutOfService](err); !ok || e.Pool != "default" || e.Reason == "" {
		t.Errorf("down: %#v", err)
	}
	_, err = w.Lease(w.want(func(w *Want) { w.Pool, w.Owner = "x", "acme" }))
	if e, ok := errors.AsType[*NotCovered](err); !ok || *e != (NotCovered{"x", "acme"}) {
		t.Errorf("no pool: %#v", err)
	}
}

// What an exhausted refusal tells is true of those that could have served: not of who is
// down, and not of who does not cover the owner.
func TestExhaustedTellsTheTruth(t *testing.T) {
	acme := []string{"acme"}
	w := newWorld(t, Credential{Name: "a", Owners: acme}, Credential{Name: "b", Owners: acme}, Credential{Name: "c", Owners: acme}, Credential{Name: "other", Owners: []string{"umbrella"}})
	w.spend("a", Report{"core", 5000, 5050, 0, in(40 * time.Minute)})
	w.spend("b", Report{"core", 15000, 15000, 0, in(20 * time.Minute)})
	w.spend("c", core(5000, in(5*time.Minute)))
	w.down("c")
	w.spend("other", core(10, in(time.Minute)))
	_, err := w.Lease(w.want(about("acme")))
	e, ok := errors.AsType[*Exhausted](err)
	if want := (Budget{Limit: 20000, Used: 20000, Remaining: 0, Reset: in(20 * time.Minute)}); !ok || e.Resource != "core" || e.Pool != "default" || e.Budget != want {
		t.Errorf("%#v, want %+v", err, want)
	}
	if got := w.who(); got != "other" {
		t.Errorf("what is about nobody is served by %s", got)
	}
	w.pass(20 * time.Minute)
	if got := w.who(about("acme"), liking("a", "b")); got != "b" {
		t.Errorf("at the reset that was told: %s", got)
	}
}

// Points in flight that use a budget up are a refusal too: the next is not sent.
func TestExhaustedByWhatIsInFlight(t *testing.T) {
	w := newWorld(t, named("a")...)
	w.spend("a", core(4998, in(time.Hour)))
	one, two := w.lease(), w.lease()
	_, err := w.Lease(w.want())
	if e, ok := errors.AsType[*Exhausted](err); !ok || e.Budget.Remaining != 0 || !e.Budget.Reset.Equal(in(time.Hour)) {
		t.Errorf("two points for two requests: %v", err)
	}
	one.Settle(304, headers(core(4998, in(time.Hour))), nil)
	if got := w.who(); got != "a" {
		t.Errorf("a 304 gives no point back: %s", got)
	}
	two.Settle(200, headers(core(4999, in(time.Hour))), nil)
	if got := w.who(); got != "a" {
		t.Errorf("one point is left: %s", got)
	}
}

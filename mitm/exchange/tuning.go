package exchange

import "time"

// Tuning is what is stored, and when it is served without asking GitHub. It may change
// while an exchange works.
type Tuning struct {
	MaxEntry int64 // larger bodies are passed on and not stored, bytes; 0 for the default

	FreshFor        time.Duration // serve without asking for this long; 0 is always ask
	Fresh           []Freshness   // other times for some paths; the first that names one holds
	StaleIfError    time.Duration // serve what was confirmed this long ago when GitHub gives no answer, or a 5xx
	NegativeFor     time.Duration // take a 404 for granted for this long, for the credential that got it
	GraphQLFreshFor time.Duration // serve the result of a GraphQL query without asking for this long
}

// Tune changes the tuning from now on. What is stored stays, and is held to the new times.
func (x *Exchange) Tune(t Tuning) {
	if t.MaxEntry == 0 {
		t.MaxEntry = 8 << 20
	}
	x.tuning.Store(&t)
}

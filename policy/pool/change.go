package pool

// A Change is what became of a credential, for a record of it.
type Change struct {
	Credential string
	What       Event
	Why        string // in words; "" where there is no more to say
}

// An Event is what may become of a credential while it is configured.
type Event string

// The events there are.
const (
	WentDown Event = "out of service"
	CameBack Event = "in service again"
	Found    Event = "installation found"
	Lost     Event = "installation gone"
	Renewed  Event = "new token"
)

// became remembers what became of a credential until the lock is released: who is told
// may take a moment, or ask the pools.
func (p *Pools) became(name string, what Event, why string) {
	if p.Changed != nil {
		p.changes = append(p.changes, Change{name, what, why})
	}
}

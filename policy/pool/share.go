package pool

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"time"
)

// A Board is where several octopools tell each other what each knows of the credentials
// they have in common. Both methods may take a moment and may fail: then each goes by what
// it has seen itself.
type Board interface {
	// Publish shows this member's state to the others for some seconds.
	Publish(ctx context.Context, state []byte) error
	// Others are the states of the other members that are alive, by member.
	Others(ctx context.Context) (map[string][]byte, error)
}

// shareEvery is how often members tell each other. GitHub's limits that are kept together
// have some room left for what happens in between.
const shareEvery = time.Second

// Share tells the other members of a board what these pools know, and takes in what they
// do, until ctx is done: so that all of them together keep GitHub's limits and the
// clients' allowances, and what one has been refused the others do not try.
func (p *Pools) Share(ctx context.Context, b Board) {
	tick := time.NewTicker(shareEvery)
	defer tick.Stop()
	for {
		state, err := json.Marshal(p.told())
		if err != nil {
			panic(err) // a bug: these are numbers and texts
		}
		others := map[string][]byte{} // nobody, where the board does not answer
		if err := b.Publish(ctx, state); err == nil {
			if them, err := b.Others(ctx); err == nil {
				others = them
			}
		}
		p.hear(others)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// knowledge is what one octopool knows, as the others are told.
type knowledge struct {
	Principals  []principalState       `json:"principals"`
	Credentials map[string]refusal     `json:"credentials"` // by identity
	Clients     map[string]clientState `json:"clients"`
}

type principalState struct {
	Known    []string `json:"known"` // the texts it goes by: digests of tokens, ids of users and installations
	Cooling  int64    `json:"cooling,omitempty"`
	InFlight int      `json:"in_flight,omitempty"`
	Taken    [4]int   `json:"taken"` // of each pace, since the member began
	Budgets  []Report `json:"budgets,omitempty"`
}

// A refusal is a credential that is out of service.
type refusal struct {
	Reason string `json:"reason"`
	Retry  int64  `json:"retry"`
}

type clientState struct {
	Used     int   `json:"used,omitempty"` // of the allowance, until Reset
	Reset    int64 `json:"reset,omitempty"`
	InFlight int   `json:"in_flight,omitempty"`
}

// told is what the others are told.
func (p *Pools) told() knowledge {
	p.mu.Lock()
	defer p.unlock()
	now := p.now()
	s := knowledge{Credentials: map[string]refusal{}, Clients: map[string]clientState{}}
	known := map[*principal][]string{}
	for _, text := range slices.Sorted(maps.Keys(p.principals)) {
		one := p.principals[text].itself()
		known[one] = append(known[one], text)
	}
	for one, texts := range known {
		t := principalState{Known: texts, InFlight: one.inFlight}
		if now.Before(one.cooling) {
			t.Cooling = one.cooling.UnixNano() // exactly, or it would grow from one to the other
		}
		for i, pace := range one.paces() {
			t.Taken[i] = pace.taken()
		}
		for resource, b := range one.budgets {
			if b.heard() && now.Before(b.reset) {
				t.Budgets = append(t.Budgets, Report{resource, b.limit, b.used, b.left, b.reset})
			}
		}
		s.Principals = append(s.Principals, t)
	}
	for _, c := range p.all {
		if !c.up(now) && !c.hearsay {
			s.Credentials[c.identity()] = refusal{c.down, c.retry.Unix()}
		}
	}
	for _, c := range p.clients {
		t := clientState{InFlight: c.inFlight}
		if now.Before(c.reset) {
			t.Used, t.Reset = c.used, c.reset.Unix()
		}
		if c.bounded() && t != (clientState{}) {
			s.Clients[c.Name] = t
		}
	}
	return s
}

// hear takes in what the others tell.
func (p *Pools) hear(others map[string][]byte) {
	p.mu.Lock()
	defer p.unlock()
	now := p.now()
	for _, one := range p.principals {
		one.itself().elsewhere = 0
	}
	for _, c := range p.clients {
		c.elsewhere, c.inFlightElsewhere = 0, 0
	}
	for member, text := range others {
		var s knowledge
		if err := json.Unmarshal(text, &s); err != nil {
			p.note(slog.LevelWarn, "another octopool tells what makes no sense", slog.Any("err", err))
			continue
		}
		for _, t := range s.Principals {
			p.hearPrincipal(member, t, now)
		}
		for identity, r := range s.Credentials {
			p.hearRefusal(identity, r, now)
		}
		for name, t := range s.Clients {
			c := p.client(name)
			c.inFlightElsewhere += t.InFlight
			if now.Before(time.Unix(t.Reset, 0)) {
				c.elsewhere += t.Used
			}
		}
	}
	for member := range p.heard {
		if others[member.name] == nil {
			delete(p.heard, member)
		}
	}
	p.dispatch(now)
}

// hearPrincipal takes in what a member tells of a principal, if it is one of ours.
func (p *Pools) hearPrincipal(member string, t principalState, now time.Time) {
	i := slices.IndexFunc(t.Known, func(text string) bool { return p.principals[text] != nil })
	if i < 0 {
		return
	}
	one := p.principals[t.Known[i]].itself()
	one.elsewhere += t.InFlight
	one.cool(time.Unix(0, min(t.Cooling, now.Add(time.Hour).UnixNano())))
	for _, r := range t.Budgets {
		if b := one.budget(r.Resource); b != nil {
			b.learn(r, now)
		}
	}
	from := taker{member, t.Known[i]}
	before, again := p.heard[from]
	p.heard[from] = t.Taken
	if !again {
		return // what it took before we heard of it is past
	}
	for i, pace := range one.paces() {
		pace.lose(t.Taken[i]-before[i], now)
	}
}

// hearRefusal takes a credential out of service that another octopool found refused.
func (p *Pools) hearRefusal(identity string, r refusal, now time.Time) {
	retry := time.Unix(r.Retry, 0)
	if !now.Before(retry) || retry.Sub(now) > recheckAfter+time.Minute {
		return
	}
	for _, c := range p.all {
		if c.down == "" && c.identity() == identity {
			p.takeDown(c, r.Reason, now)
			c.retry, c.hearsay = retry, true
		}
	}
}

// identity is what every octopool knows a credential by, whatever each calls it. A new token
// under an old name is another credential.
func (c *credential) identity() string {
	if c.app != nil {
		return c.GitHub + " " + installationOf(c.id)
	}
	return c.GitHub + " " + tokenOf(c.token.auth)
}

// A taker is a member that takes places of a principal.
type taker struct{ name, principal string }

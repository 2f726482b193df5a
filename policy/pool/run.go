package pool

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"octopool/policy/pool/installation"
)

// patience is how long GitHub may take to answer a question of the pool's own.
const patience = 30 * time.Second

// Run does in the background what keeps credentials usable, until ctx is done: it follows
// Apps' installations, makes and renews their tokens, and finds out which personal
// access tokens are one user's. A pool of personal access tokens alone can do without.
func (p *Pools) Run(ctx context.Context) {
	var jobs sync.WaitGroup
	defer jobs.Wait()
	for {
		todo, next := p.due()
		for _, job := range todo {
			jobs.Go(func() {
				ctx, cancel := context.WithTimeout(ctx, patience)
				defer cancel()
				job(ctx)
				p.wake()
			})
		}
		var alarm <-chan time.Time
		var timer *time.Timer
		if !next.IsZero() {
			timer = time.NewTimer(next.Sub(p.now()))
			alarm = timer.C
		}
		select {
		case <-ctx.Done():
			return
		case <-p.kick:
		case <-alarm:
		}
		if timer != nil {
			timer.Stop()
		}
	}
}

// Asked is one request that pools sent to GitHub for themselves.
type Asked struct {
	Credential string
	Resource   string // "" where none of a credential's budgets was touched
	Status     int    // 0 when there was no answer
	Points     int
	Took       time.Duration
}

// Watch has told called for every request that the pools send for themselves. It must be
// called before Run.
func (p *Pools) Watch(told func(Asked)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.watch = told
}

// tell tells of a request, after it.
func (p *Pools) tell(a Asked, began time.Time) {
	p.mu.Lock()
	told := p.watch
	p.mu.Unlock()
	if told != nil {
		a.Took = time.Since(began)
		told(a)
	}
}

// statusOf is the status of an App's answer.
func statusOf(err error, fine int) int {
	refused, ok := errors.AsType[*installation.Refused](err)
	switch {
	case err == nil:
		return fine
	case ok:
		return refused.Status
	}
	return 0
}

// wake tells Run that there may be something to do.
func (p *Pools) wake() {
	select {
	case p.kick <- struct{}{}:
	default: // it has been told
	}
}

// due is what is to be done now, each marked as begun, and when there is more.
func (p *Pools) due() (todo []func(context.Context), next time.Time) {
	p.mu.Lock()
	defer p.unlock()
	now := p.now()
	is := func(when time.Time) bool {
		if when.IsZero() {
			return false
		}
		if when.After(now) {
			next = earlier(next, when)
			return false
		}
		return true
	}
	for _, a := range p.apps {
		if is(a.due()) {
			a.asking = true
			todo = append(todo, func(ctx context.Context) { p.ask(ctx, a) })
		}
	}
	for _, c := range p.all {
		if c.app == nil {
			if is(p.identifyAt(c)) {
				c.identifying = true
				todo = append(todo, func(ctx context.Context) { p.identify(ctx, c) })
			}
			continue
		}
		if c.account == "" || !c.up(now) {
			continue
		}
		mint := func(s *slot) {
			if is(s.due(now)) {
				s.minting = true
				todo = append(todo, func(ctx context.Context) { p.mint(ctx, c, s) })
			}
		}
		mint(&c.token)
		for _, s := range c.narrowed {
			mint(s)
		}
	}
	return todo, next
}

// ask asks for an App's installations, or for the one there is to be.
func (p *Pools) ask(ctx context.Context, a *app) {
	began := time.Now()
	var known []installation.Installation
	var err error
	if a.App.Installation != 0 {
		var one installation.Installation
		one, err = a.signer.Installation(ctx, a.App.Installation)
		known = []installation.Installation{one}
	} else {
		known, err = a.signer.Installations(ctx)
	}
	p.tell(Asked{Credential: a.Name, Status: statusOf(err, http.StatusOK)}, began)
	p.mu.Lock()
	defer p.unlock()
	if !slices.Contains(p.apps, a) {
		return // the configuration knows another by now, or none
	}
	now := p.now()
	p.learned(a, known, err, now)
	p.dispatch(now)
}

// mint makes a token.
func (p *Pools) mint(ctx context.Context, c *credential, s *slot) {
	p.mu.Lock()
	narrowed := s.narrowing.of(c.account)
	p.mu.Unlock()
	began := time.Now()
	t, err := c.app.signer.Mint(ctx, c.id, narrowed)
	p.tell(Asked{Credential: c.Name, Status: statusOf(err, http.StatusCreated)}, began)
	p.mu.Lock()
	defer p.unlock()
	now := p.now()
	p.minted(c, s, t, err, now)
	p.dispatch(now)
}

// Package pool holds the credentials octopool presents to GitHub and knows what
// each may still spend. It chooses a credential for a request, reserves a point
// of its budget, keeps GitHub's limits, and learns from every answer.
//
// It refuses to know connections, clients' tokens and stored answers: what a
// request is worth arrives as a [Want], what GitHub said arrives as a status and
// its headers. Of its own accord it asks GitHub for two things only, in the background:
// tokens of App installations, and whose a personal access token is. See [Pools.Run].
package pool

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"octopool/policy"
)

// A Credential describes one credential of a pool: a personal access token, or a GitHub
// App with one of its installations or all of them.
type Credential struct {
	Name   string        // unique, and policy.IsName: it is a metric label
	GitHub string        // the configured GitHub it belongs to, e.g. "github.com"
	Pool   string        // credentials of one pool may stand in for one another
	Token  policy.Secret // a personal access token; the zero Secret for an App
	App    App           // the zero App for a personal access token
	Owners []string      // accounts it may be used for; none means all it can reach
}

// An App signs for its installations.
type App struct {
	Issuer       string        // client id or app id
	Key          policy.Secret // PEM
	Installation int64         // 0 is every installation of the App, those to come too
}

// A GitHub is what the pool has to know of one.
type GitHub struct {
	API    string // where its REST API begins, e.g. "https://api.github.com"
	Limits Limits
}

// Config is what pools are made of. Only Credentials is required; an App needs the API
// of its GitHub and a Transport besides.
type Config struct {
	Credentials []Credential
	Clients     []Client
	GitHubs     map[string]GitHub // by host, as Credential.GitHub has it
	MaxWait     time.Duration     // for a place, before a request is refused; 0 is not at all

	// Transport sends to the APIs of GitHubs. It must not follow redirects.
	Transport http.RoundTripper
	UserAgent string
	Log       *slog.Logger // nil for none
	Changed   func(Change) // told of what becomes of credentials; nil for nobody
}

// Pools are all credentials of one octopool. They are safe for concurrent use.
type Pools struct {
	Config // of which mu guards what Reload changes
	now    func() time.Time
	kick   chan struct{} // tells Run that there may be something to do

	mu         sync.Mutex // guards everything below, and what it points to
	apps       []*app
	all        []*credential
	services   map[string]*service      // by credential.identity
	members    map[member][]*credential // replaced whole, never changed in place
	principals map[string]*principal
	clients    map[string]*client
	numbers    map[numbered]string // owners of what is asked for by number
	heard      map[taker][4]int    // what other octopools have taken of the paces
	queue      queue
	watch      func(Asked)
	notes      []note   // to be logged when mu is released
	changes    []Change // to be told then
}

// member names one pool: pools of the same name on two GitHubs never mix.
type member struct{ github, pool string }

// numbered is what a number stands for: each GitHub counts for itself.
type numbered struct{ github, number string }

// New returns the pools of these credentials. It refuses two credentials of one name, a
// name that is none (see [policy.IsName]), a credential that is neither a token nor an
// App or whose key is none, and a client whose writes_as is no credential of its pool.
func New(c Config) (*Pools, error) {
	p := &Pools{
		Config: Config{Transport: c.Transport, UserAgent: c.UserAgent, Log: c.Log, Changed: c.Changed},
		now:    time.Now, kick: make(chan struct{}, 1),
		services: map[string]*service{}, principals: map[string]*principal{}, clients: map[string]*client{},
		numbers: map[numbered]string{}, heard: map[taker][4]int{},
	}
	if err := p.Reload(c); err != nil {
		return nil, err
	}
	return p, nil
}

// serviceOf is what is known of a token or installation of a GitHub's that is known by
// this text.
func (p *Pools) serviceOf(github, known string) *service {
	key := github + " " + known
	if p.services[key] == nil {
		p.services[key] = &service{principal: p.principalOf(github, known), narrowed: map[string]*slot{}}
	}
	return p.services[key]
}

// tokenOf and installationOf are those texts.
func tokenOf(a *authorization) string { return fmt.Sprintf("token %x", a.identity) }
func installationOf(id int64) string  { return fmt.Sprintf("installation %d", id) }

// principalOf is the principal of a GitHub's that is known by this text.
func (p *Pools) principalOf(github, known string) *principal {
	key := github + " " + known
	if p.principals[key] == nil {
		p.principals[key] = newPrincipal(github, p.GitHubs[github].Limits)
	}
	return p.principals[key].itself()
}

// sortMembers puts all credentials where they are looked for.
func (p *Pools) sortMembers() {
	slices.SortFunc(p.all, func(a, b *credential) int { return cmp.Compare(a.Name, b.Name) })
	p.members = map[member][]*credential{}
	for _, c := range p.all {
		c.lot = lotOf(c.Name)
		m := member{c.GitHub, c.Pool}
		p.members[m] = append(p.members[m], c)
	}
}

// A note is a line for the log.
type note struct {
	level   slog.Level
	message string
	attrs   []slog.Attr
}

// note remembers a line for the log until the lock is released: writing may block.
func (p *Pools) note(level slog.Level, message string, attrs ...slog.Attr) {
	p.notes = append(p.notes, note{level, message, attrs})
}

// unlock releases p.mu, tells what was to be told, and writes what was to be logged.
func (p *Pools) unlock() {
	notes, changes := p.notes, p.changes
	p.notes, p.changes = nil, nil
	p.mu.Unlock()
	for _, c := range changes {
		p.Changed(c)
	}
	if p.Log == nil {
		return
	}
	for _, n := range notes {
		p.Log.LogAttrs(context.Background(), n.level, n.message, n.attrs...)
	}
}

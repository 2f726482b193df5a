package pool

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"octopool/policy/pool/installation"
)

// A Client is what one client may spend, and as whom. A client without an entry is
// bound by nothing but its pool.
type Client struct {
	Name          string
	PointsPerHour int    // its allowance over all resources; 0 is none
	Concurrency   int    // its requests on their way to GitHub at once; 0 is any number
	WritesAs      string // the one credential that authors its writes; "" leaves the choice

	// Repositories (OWNER/NAME) and Permissions (name → read, write or admin) narrow the
	// installation tokens that its requests are sent with. A client with either uses
	// installations only.
	Repositories []string
	Permissions  map[string]string
}

// client is a Client at work. It never changes: a new configuration makes another, with
// the same spending. A request that is under way is bound by the one it began with.
type client struct {
	Client
	narrowing *narrowing
	former    *client   // what the last configuration said, if it said something else
	left      time.Time // when the configuration had it no more; zero while it has
	*spending
}

// A spending is what a client has spent and is doing; guarded by Pools.mu.
type spending struct {
	used     int       // points of the allowance
	reserved int       // points leased and not settled
	reset    time.Time // when the allowance is whole again
	inFlight int

	elsewhere, inFlightElsewhere int // points and requests of other octopools

	waiting []*waiter // first come first
	served  float64   // its turn: who has been served least is next
}

// client is the one of this name, made on first use: names come from the configuration.
func (p *Pools) client(name string) *client {
	c := p.clients[name]
	if c == nil {
		c = &client{Client: Client{Name: name}, spending: &spending{}}
		p.clients[name] = c
	}
	return c
}

// as is the client that a want was made for: what it is by now, or what it was before the
// configuration changed, if that is who may be shown the answer. It is nil when it was
// neither.
func (p *Pools) as(w *Want) *client {
	c := p.client(w.Client)
	for c != nil && w.Audience != "" && c.audience(w.Pool) != w.Audience {
		c = c.former
	}
	return c
}

// alone is c without its past.
func (c *client) alone() *client {
	return &client{Client: c.Client, narrowing: c.narrowing, spending: c.spending}
}

// listed reports whether some configuration says anything of c.
func (c *client) listed() bool { return !reflect.DeepEqual(c.Client, Client{Name: c.Name}) }

// bounded reports whether c has any limit of its own.
func (c *client) bounded() bool { return c.PointsPerHour > 0 || c.Concurrency > 0 }

// usedAt is what has been spent of the allowance.
func (c *client) usedAt(now time.Time) int {
	if !now.Before(c.reset) {
		return c.elsewhere
	}
	return c.used + c.elsewhere
}

// spentAt reports whether nothing is left of the allowance for another point.
func (c *client) spentAt(now time.Time) bool {
	return c.PointsPerHour > 0 && c.usedAt(now)+c.reserved >= c.PointsPerHour
}

// spend takes points from the allowance. Its hour begins with the first.
func (c *client) spend(points int, now time.Time) {
	if !now.Before(c.reset) {
		c.used, c.reset = 0, now.Add(time.Hour)
	}
	c.used += points
}

// standing is the allowance as it may be told.
func (c *client) standing(now time.Time) Budget {
	reset := c.reset
	if !now.Before(reset) {
		reset = now.Add(time.Hour)
	}
	used := min(c.usedAt(now)+c.reserved, c.PointsPerHour)
	return Budget{Limit: c.PointsPerHour, Used: used, Remaining: c.PointsPerHour - used, Reset: reset}
}

// A narrowing is what a client's tokens are limited to. A nil one limits nothing.
type narrowing struct {
	id           string              // equal for equal narrowings
	repositories map[string][]string // names by owner in lower case; nil for all
	permissions  map[string]string   // nil for all
}

func narrow(repositories []string, permissions map[string]string) (*narrowing, error) {
	if len(repositories) == 0 && len(permissions) == 0 {
		return nil, nil
	}
	if err := installation.CheckPermissions(permissions); err != nil {
		return nil, err
	}
	n := &narrowing{permissions: maps.Clone(permissions)}
	said := []string{}
	for _, full := range repositories {
		owner, name, ok := strings.Cut(strings.ToLower(full), "/")
		if !ok || owner == "" || name == "" || strings.Contains(name, "/") {
			return nil, errors.New("repositories are written OWNER/NAME")
		}
		if n.repositories == nil {
			n.repositories = map[string][]string{}
		}
		if !slices.Contains(n.repositories[owner], name) {
			n.repositories[owner] = append(n.repositories[owner], name)
		}
		said = append(said, owner+"/"+name)
	}
	for permission, level := range permissions {
		said = append(said, permission+"="+level)
	}
	slices.Sort(said)
	sum := sha256.Sum256([]byte(strings.Join(slices.Compact(said), "\n")))
	n.id = hex.EncodeToString(sum[:8])
	return n, nil
}

// uses reports whether c can be narrowed so: it is an installation, of an account that
// has one of the repositories. Whose installation it is may not be known yet.
func (n *narrowing) uses(c *credential) bool {
	if n == nil {
		return true
	}
	return c.app != nil && (n.repositories == nil || c.account == "" || n.repositories[strings.ToLower(c.account)] != nil)
}

// of is what to ask GitHub for where account is the installation's.
func (n *narrowing) of(account string) installation.Narrowing {
	if n == nil {
		return installation.Narrowing{}
	}
	names := n.repositories[strings.ToLower(account)]
	if names == nil && n.repositories != nil {
		names = []string{} // an account that was renamed: none of its repositories, which is refused, and not all
	}
	return installation.Narrowing{Repositories: names, Permissions: n.permissions}
}

// Audience names those who may be served the same bytes without asking GitHub again: a
// pool, and of it those whose tokens are narrowed alike, who may see less than the rest.
func (p *Pools) Audience(pool, name string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.client(name).audience(pool)
}

func (c *client) audience(pool string) string {
	if c.narrowing != nil {
		return pool + "/" + c.narrowing.id
	}
	return pool
}

// Payer is who pays for a client's requests where that is not its pool alone: the client
// itself, if it has an allowance of its own, and "" else.
func (p *Pools) Payer(name string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.client(name).bounded() {
		return name
	}
	return ""
}

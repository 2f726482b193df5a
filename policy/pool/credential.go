package pool

import (
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"slices"
	"strings"
	"time"

	"octopool/policy"
)

// credential is a Credential at work: a personal access token, or one installation of
// an App. It never changes: a new configuration makes another, with the same service.
type credential struct {
	Credential
	configured string // the name in the configuration; installations that were found have their own
	app        *app   // nil for a personal access token
	id         int64  // of the installation
	lot        uint64 // of its name
	*service
}

// A service is what is known of a token or an installation, whatever the configuration
// calls it and however often it names it. Guarded by Pools.mu.
type service struct {
	account   string // whose installation it is; "" until GitHub has told
	principal *principal
	token     slot             // for everybody whose token is not narrowed
	narrowed  map[string]*slot // of an installation, by narrowing.id

	asked                   bool                 // leased at least once
	identifying, identified bool                 // whether GitHub is being, or was, asked whose token it is
	identify                time.Time            // when it may be asked again
	down                    string               // why it is out of service; "" when it is not
	retry                   time.Time            // when a credential that is down may be tried again
	hearsay                 bool                 // another octopool found it refused, and not this one
	barred                  map[string]time.Time // owners (in lower case) that will not have it, until when
}

// recheckAfter is how long a credential that GitHub refused is left alone. GitHub
// locks an account out after several bad logins in a short time, so it is long, and
// then one request finds out.
const recheckAfter = 10 * time.Minute

// barredFor is how long an owner that has turned a credential away is not asked again.
const barredFor = 10 * time.Minute

// An authorization is a token in the two forms that GitHub takes it in. It never changes.
type authorization struct {
	bearer, basic string
	identity      [32]byte // a digest of bearer
}

func authorize(token policy.Secret) *authorization {
	a := &authorization{
		bearer: "Bearer " + token.Reveal(),
		basic:  "Basic " + base64.StdEncoding.EncodeToString([]byte("x-access-token:"+token.Reveal())),
	}
	a.identity = sha256.Sum256([]byte(a.bearer))
	return a
}

// reach says how far a credential reaches.
type reach uint8

const (
	outside reach = iota // it must not be used
	beyond               // it belongs to another account: what is public it can read
	covers               // it is for this account
)

// reach says whether c may be used for what a want is about. GitHub's account names do
// not differ by case. An installation is for its account; beyond it can read what is
// public, as anybody.
func (c *credential) reach(w *Want, cl *client) reach {
	switch {
	case w.Write && cl.WritesAs != "" && cl.WritesAs != c.configured,
		!cl.narrowing.uses(c),
		slices.Contains(w.Except, c.Name),
		len(c.Owners) > 0 && c.app == nil && w.Owner != "" && !among(c.Owners, w.Owner):
		return outside
	case c.app == nil, w.Owner == "", c.account == "", strings.EqualFold(c.account, w.Owner):
		return covers
	case w.Write && w.Resource != "graphql", w.Hidden && len(w.Except) > 0: // who covers the owner was asked
		return outside
	}
	return beyond
}

func among(owners []string, owner string) bool {
	return slices.ContainsFunc(owners, func(o string) bool { return strings.EqualFold(o, owner) })
}

// up reports whether c is in service, or out of it for long enough to be tried.
func (c *credential) up(now time.Time) bool { return c.down == "" || !now.Before(c.retry) }

// barredBy is until when an owner will not have c.
func (c *credential) barredBy(owner string) time.Time {
	if len(c.barred) == 0 || owner == "" {
		return time.Time{}
	}
	return c.barred[strings.ToLower(owner)]
}

// bar notes that an owner will not have c.
func (c *credential) bar(owner string, until time.Time) {
	const most = 1 << 10 // owners come from requests
	if c.barred == nil || len(c.barred) >= most {
		c.barred = map[string]time.Time{}
	}
	c.barred[strings.ToLower(owner)] = until
}

// takeDown takes a credential out of service. The lock is held.
func (p *Pools) takeDown(c *credential, why string, now time.Time) {
	if c.down != why {
		p.note(slog.LevelWarn, "credential is out of service", slog.String("credential", c.Name), slog.String("reason", why))
		p.became(c.Name, WentDown, why)
	}
	c.down, c.retry, c.hearsay = why, now.Add(recheckAfter), false
}

// bringBack puts a credential into service. The lock is held.
func (p *Pools) bringBack(c *credential) {
	if c.down != "" {
		p.note(slog.LevelInfo, "credential is in service again", slog.String("credential", c.Name))
		p.became(c.Name, CameBack, "")
	}
	c.down = ""
}

package pool

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"octopool/policy"
	"octopool/policy/pool/installation"
)

// Reload gives the pools another configuration while they are in use. Its error is as
// New's, and then nothing has changed. How requests are sent, and what logs, stays.
//
// Credentials go by what GitHub knows them by, a token or an installation, and not by
// their names: what is known of one goes on to hold under another name or in another pool.
// So do budgets, silences and paces of their principals, and of clients, by name, what
// they have spent. Requests that wait go on waiting, now for the new credentials. Leases
// of credentials that are gone are settled as if they were not.
//
// What GitHub has refused may be tried again at once: a reload is often made because
// something was mended.
func (p *Pools) Reload(c Config) error {
	signers, err := p.signers(c)
	if err != nil {
		return err
	}
	narrowings, err := narrowingsOf(c)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.unlock()
	now := p.now()
	p.Credentials, p.Clients, p.GitHubs, p.MaxWait = c.Credentials, c.Clients, c.GitHubs, c.MaxWait
	p.setCredentials(signers, now)
	p.setClients(narrowings, now)
	p.setLimits(now)
	for _, s := range p.services {
		s.forgive(now)
	}
	p.forget(now)
	p.wake()
	p.dispatch(now)
	return nil
}

// signers checks credentials, and makes what signs for those of them that are Apps; nil
// for tokens.
func (p *Pools) signers(c Config) ([]*installation.App, error) {
	out := make([]*installation.App, len(c.Credentials))
	for i, one := range c.Credentials {
		switch {
		case !policy.IsName(one.Name):
			return nil, fmt.Errorf("credential %q: this is no name", one.Name)
		case one.Token.IsZero() && one.App.Issuer == "":
			return nil, fmt.Errorf("credential %s: no token", one.Name)
		case slices.ContainsFunc(c.Credentials[:i], func(other Credential) bool { return other.Name == one.Name }):
			return nil, fmt.Errorf("credential %s: named twice", one.Name)
		case !one.Token.IsZero():
			continue
		}
		var err error
		out[i], err = installation.New(installation.Config{
			Issuer: one.App.Issuer, Key: one.App.Key, API: c.GitHubs[one.GitHub].API,
			Transport: p.Transport, UserAgent: p.UserAgent, Now: func() time.Time { return p.now() },
		})
		if err != nil {
			return nil, fmt.Errorf("credential %s: %w", one.Name, err)
		}
	}
	return out, nil
}

// narrowingsOf checks clients, and says what the tokens of each are limited to.
func narrowingsOf(c Config) ([]*narrowing, error) {
	out := make([]*narrowing, len(c.Clients))
	for i, one := range c.Clients {
		var err error
		if one.WritesAs != "" && !slices.ContainsFunc(c.Credentials, func(k Credential) bool { return k.Name == one.WritesAs }) {
			err = errors.New("there is no credential " + one.WritesAs + " to write as")
		} else {
			out[i], err = narrow(one.Repositories, one.Permissions)
		}
		if err != nil {
			return nil, fmt.Errorf("client %s: %w", one.Name, err)
		}
	}
	return out, nil
}

// setCredentials makes all credentials anew.
func (p *Pools) setCredentials(signers []*installation.App, now time.Time) {
	former := p.apps
	p.all, p.apps = nil, nil
	for i, one := range p.Credentials {
		if signers[i] == nil {
			p.addToken(one)
		} else {
			p.apps = append(p.apps, appFor(one, signers[i], former))
		}
	}
	for _, a := range p.apps {
		p.follow(a, now)
	}
	p.sortMembers()
}

// addToken adds a personal access token. Whose it is GitHub alone knows; that the same
// token twice is the same user's needs no asking.
func (p *Pools) addToken(c Credential) {
	auth := authorize(c.Token)
	s := p.serviceOf(c.GitHub, tokenOf(auth))
	if s.token.auth == nil {
		s.token = slot{auth: auth}
		s.identified = s.principal.name != "" // in an earlier configuration
	}
	p.all = append(p.all, &credential{Credential: c, configured: c.Name, service: s})
}

// appFor is the App of a credential: the one there is, if the configuration says of it what
// it did. Else it is another one, which begins with what is known of the same App.
func appFor(c Credential, signer *installation.App, former []*app) *app {
	a := &app{Credential: c, signer: signer}
	if c.App.Installation != 0 {
		a.known = []installation.Installation{{ID: c.App.Installation}}
	}
	for _, o := range former {
		if reflect.DeepEqual(o.Credential, c) {
			o.retry = time.Time{}
			return o
		}
		if o.GitHub == c.GitHub && o.App.Issuer == c.App.Issuer && o.App.Installation == c.App.Installation {
			a.known, a.found, a.asked = o.known, o.found, o.asked
		}
	}
	return a
}

// setClients makes clients what the configuration says, with what they have spent.
func (p *Pools) setClients(narrowings []*narrowing, now time.Time) {
	listed := map[string]bool{}
	for i, one := range p.Clients {
		listed[one.Name] = true
		was := p.client(one.Name)
		if was.left.IsZero() && reflect.DeepEqual(was.Client, one) {
			continue
		}
		p.clients[one.Name] = &client{Client: one, narrowing: narrowings[i], former: was.alone(), spending: was.spending}
	}
	for name, c := range p.clients {
		if c.listed() && c.left.IsZero() && !listed[name] {
			// It goes on to be bound: a request of its may be on its way here.
			p.clients[name] = &client{Client: c.Client, narrowing: c.narrowing, former: c.former, left: now, spending: c.spending}
		}
	}
}

// setLimits gives principals the limits of their GitHubs.
func (p *Pools) setLimits(now time.Time) {
	for _, one := range p.principals {
		one.limit(p.GitHubs[one.github].Limits, now)
	}
}

// forgive lets what GitHub has refused be tried again.
func (s *service) forgive(now time.Time) {
	if s.down != "" {
		s.retry = now
	}
	s.identify, s.token.retry = time.Time{}, time.Time{}
	for _, narrowed := range s.narrowed {
		narrowed.retry = time.Time{}
	}
}

// remembered is how long what is no longer in the configuration is known all the same:
// no budget and no allowance outlives it, and who comes back in time has lost none.
const remembered = time.Hour

// forget drops what has not been in the configuration for a while, so that tokens that
// are renewed day after day leave nothing behind.
func (p *Pools) forget(now time.Time) {
	used := map[*principal]bool{}
	known := map[string]bool{}
	for _, c := range p.all {
		known[c.identity()] = true
		used[c.principal.itself()] = true
	}
	maps.DeleteFunc(p.services, func(identity string, _ *service) bool { return !known[identity] })
	maps.DeleteFunc(p.principals, func(_ string, one *principal) bool {
		one = one.itself()
		return !used[one] && one.idle(now)
	})
	maps.DeleteFunc(p.heard, func(t taker, _ [4]int) bool { return p.principals[t.principal] == nil })
	maps.DeleteFunc(p.clients, func(_ string, c *client) bool {
		return !c.left.IsZero() && now.Sub(c.left) >= remembered && c.inFlight == 0 && len(c.waiting) == 0
	})
}

// idle reports whether nothing is lost with p.
func (p *principal) idle(now time.Time) bool {
	if p.inFlight > 0 || now.Before(p.cooling) {
		return false
	}
	for _, b := range p.budgets {
		if b.reserved > 0 || now.Before(b.reset) {
			return false
		}
	}
	return true
}

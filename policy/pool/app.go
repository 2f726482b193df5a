package pool

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"octopool/policy"
	"octopool/policy/pool/installation"
)

// app is a GitHub App and where it is installed. Guarded by Pools.mu.
type app struct {
	Credential
	signer *installation.App
	known  []installation.Installation // as GitHub last told

	asked   time.Time // when its installations were last asked for; zero: never
	asking  bool
	wanted  bool // somebody asks for an account that is not among them
	found   bool // GitHub has told at least once
	failed  int
	problem string
	retry   time.Time
}

const (
	// followEvery is how often installations are asked for: new ones, suspended ones and
	// those that are gone show then at the latest.
	followEvery = 5 * time.Minute
	// searchEvery is how often a request for an account that is not known may ask.
	searchEvery = 30 * time.Second
)

// due is when to ask for the installations.
func (a *app) due() time.Time {
	switch {
	case a.asking:
		return time.Time{}
	case a.wanted:
		return later(a.asked.Add(searchEvery), a.retry)
	}
	return later(a.asked.Add(followEvery), a.retry)
}

// isFor reports whether the App's installations are of the pool that a want names.
func (a *app) isFor(w *Want) bool { return a.GitHub == w.GitHub && a.Pool == w.Pool }

// search reports whether asking GitHub for installations may find a credential for a
// request that none covers, and sees to it that it is asked. A read that another
// account's credential may serve does not wait for that, except at the very start.
func (p *Pools) search(r *request, reached reach, now time.Time) bool {
	hopeful := false
	for _, a := range p.apps {
		if !a.isFor(&r.want) || a.App.Installation != 0 ||
			r.want.Write && r.client.WritesAs != "" && r.client.WritesAs != a.Name {
			continue
		}
		switch {
		case !a.found:
			hopeful = hopeful || a.problem == "" || !now.Before(a.retry)
		case r.want.Owner != "" && now.Sub(a.asked) >= searchEvery:
			a.wanted = true
			hopeful = hopeful || reached == outside && !now.Before(a.retry)
		}
		if a.asking {
			hopeful = hopeful || reached == outside
		}
	}
	if hopeful {
		p.wake()
	}
	return hopeful
}

// follow makes credentials of an App's installations: new ones come, and those that are
// gone go. The lock is held, or nobody else has p yet.
func (p *Pools) follow(a *app, now time.Time) {
	p.all = slices.DeleteFunc(p.all, func(c *credential) bool {
		gone := c.app == a && !slices.ContainsFunc(a.known, func(i installation.Installation) bool { return i.ID == c.id })
		if gone {
			p.note(slog.LevelInfo, "installation is gone", slog.String("credential", c.Name))
			p.became(c.Name, Lost, "")
		}
		return gone
	})
	for _, i := range a.known {
		if i.Owner != "" && len(a.Owners) > 0 && !among(a.Owners, i.Owner) {
			continue
		}
		at := slices.IndexFunc(p.all, func(c *credential) bool { return c.app == a && c.id == i.ID })
		if at < 0 {
			at = len(p.all)
			p.all = append(p.all, p.install(a, i))
		}
		c := p.all[at]
		if i.Owner != "" {
			c.account = i.Owner
			c.principal.itself().name = fmt.Sprintf("installation %d of %s", i.ID, i.Owner)
		}
		switch {
		case i.Suspended && c.down == "":
			p.takeDown(c, "the installation is suspended", now)
		case !i.Suspended && c.down != "" && a.found:
			c.retry = now // it may have been mended: the next request finds out
		}
	}
	p.sortMembers()
}

// install is the credential of an installation. One that was found is called after its
// account, so that its name is the same after a restart.
func (p *Pools) install(a *app, i installation.Installation) *credential {
	c := &credential{Credential: a.Credential, configured: a.Name, app: a, id: i.ID}
	c.service = p.serviceOf(c.GitHub, installationOf(i.ID))
	if a.App.Installation != 0 {
		return c
	}
	c.Name = a.Name + "." + strings.ToLower(i.Owner)
	taken := slices.ContainsFunc(p.all, func(o *credential) bool { return o.Name == c.Name }) ||
		slices.ContainsFunc(p.Credentials, func(o Credential) bool { return o.Name == c.Name })
	if taken || !policy.IsName(c.Name) {
		c.Name = fmt.Sprintf("%s.%d", a.Name, i.ID)
	}
	if c.account == "" { // else it was known before a reload
		p.note(slog.LevelInfo, "installation found", slog.String("credential", c.Name), slog.String("owner", i.Owner))
		p.became(c.Name, Found, "on "+i.Owner)
	}
	return c
}

// learned takes in what GitHub said of an App's installations.
func (p *Pools) learned(a *app, known []installation.Installation, err error, now time.Time) {
	a.asking, a.wanted = false, false
	if err == nil {
		a.asked, a.found, a.failed, a.problem = now, true, 0, ""
		a.known = known
		p.follow(a, now)
		return
	}
	if a.problem != err.Error() {
		p.note(slog.LevelWarn, "installations of an App are not known", slog.String("credential", a.Name), slog.Any("err", err))
	}
	a.problem, a.retry = err.Error(), now.Add(backOff(a.failed))
	a.failed++
	if lasting(err) {
		a.retry = now.Add(recheckAfter)
		for _, c := range p.all {
			if c.app == a {
				p.takeDown(c, a.problem, now)
			}
		}
	}
}

// minted takes in what GitHub said when it was asked for a token.
func (p *Pools) minted(c *credential, s *slot, t installation.Token, err error, now time.Time) {
	s.minting = false
	if err == nil {
		s.auth, s.made, s.expires = authorize(t.Text), now, t.Expires
		s.wanted, s.failed, s.problem = false, 0, ""
		p.became(c.Name, Renewed, "until "+t.Expires.UTC().Format(time.RFC3339))
		p.bringBack(c)
		return
	}
	s.problem, s.retry = err.Error(), now.Add(backOff(s.failed))
	s.failed++
	refused, ok := errors.AsType[*installation.Refused](err)
	switch {
	case ok && refused.Cause == installation.NotGranted: // this narrowing's fault, and not the credential's
		s.retry = now.Add(recheckAfter)
	case lasting(err):
		s.auth = nil
		p.takeDown(c, s.problem, now)
		if c.app.App.Installation == 0 && refused.Cause == installation.Uninstalled {
			c.app.wanted = true // see which are left
		}
		return
	}
	p.note(slog.LevelWarn, "no token for an installation", slog.String("credential", c.Name), slog.Any("err", err))
}

// lasting reports whether GitHub's no will not pass by itself.
func lasting(err error) bool {
	refused, ok := errors.AsType[*installation.Refused](err)
	if !ok {
		return false
	}
	switch refused.Cause {
	case installation.Suspended, installation.Uninstalled, installation.UnknownApp, installation.BadKey, installation.WrongClock:
		return true
	}
	return false
}

package pool

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// identifyAt is when to find out whose a personal access token is; zero when there is no
// need: all tokens of a user share its budgets, which matters where there are several.
func (p *Pools) identifyAt(c *credential) time.Time {
	if !c.asked || c.identifying || c.identified || p.Transport == nil || c.down != "" || p.GitHubs[c.GitHub].API == "" {
		return time.Time{}
	}
	for _, other := range p.all {
		if other.app == nil && other.GitHub == c.GitHub && other.principal != c.principal {
			return later(c.identify, later(c.principal.cooling, time.Unix(1, 0)))
		}
	}
	return time.Time{}
}

// identify asks GitHub whose a token is, and makes its principal that user. It costs one
// point and a place, which are accounted for as any, but waits for neither.
func (p *Pools) identify(ctx context.Context, c *credential) {
	p.mu.Lock()
	auth := c.token.auth
	c.principal.rest.lose(1, p.now())
	p.mu.Unlock()
	login, id, h, err := p.user(ctx, p.GitHubs[c.GitHub].API, auth)
	p.mu.Lock()
	defer p.unlock()
	now := p.now()
	c.identifying = false
	if r, ok := ReportFrom(h); ok && err == nil {
		c.principal.budget(cmp.Or(r.Resource, "core")).learn(r, now)
	}
	if err != nil {
		c.identify = now.Add(recheckAfter)
		return
	}
	c.identified = true
	user := p.principalOf(c.GitHub, fmt.Sprintf("user %d", id))
	user.name = "user " + login
	former := c.principal
	if former == user {
		return
	}
	user.inherit(former, now)
	for _, other := range p.all {
		if other.principal == former {
			other.principal, other.identified = user, true
		}
	}
	p.dispatch(now)
}

// user is whose a token is.
func (p *Pools) user(ctx context.Context, api string, auth *authorization) (login string, id int64, h http.Header, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, api+"/user", nil)
	if err != nil {
		return "", 0, nil, err
	}
	r.Header.Set("Accept", "application/vnd.github+json")
	r.Header.Set("User-Agent", p.UserAgent)
	r.Header.Set("Authorization", auth.bearer)
	resp, err := p.Transport.RoundTrip(r)
	if err != nil {
		return "", 0, nil, err
	}
	defer resp.Body.Close()
	var user struct {
		Login string `json:"login"`
		ID    int64  `json:"id"`
	}
	const enough = 64 << 10
	err = json.NewDecoder(io.LimitReader(resp.Body, enough)).Decode(&user)
	switch {
	case resp.StatusCode != http.StatusOK:
		return "", 0, resp.Header, fmt.Errorf("GET /user: %s", resp.Status)
	case err != nil:
		return "", 0, resp.Header, err
	case user.ID == 0:
		return "", 0, resp.Header, fmt.Errorf("GET /user: no id")
	}
	return user.Login, user.ID, resp.Header, nil
}

package pool

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
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
	auth, api := c.token.auth, p.GitHubs[c.GitHub].API
	c.principal.rest.lose(1, p.now())
	p.mu.Unlock()
	began := time.Now()
	login, id, resp, err := p.user(ctx, api, auth)
	r, told := ReportFrom(resp.Header)
	told = told && resp.StatusCode != http.StatusUnauthorized // that is our address's budget
	asked := Asked{Credential: c.Name, Status: resp.StatusCode}
	if told {
		r.Resource = cmp.Or(r.Resource, "core")
		asked.Resource, asked.Points = r.Resource, 1
	}
	p.tell(asked, began)
	p.mu.Lock()
	defer p.unlock()
	now := p.now()
	c.identifying = false
	if told && err == nil {
		c.principal.budget(r.Resource).learn(r, now)
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

// user is whose a token is. The response is GitHub's, read and closed; without an answer
// it is empty.
func (p *Pools) user(ctx context.Context, api string, auth *authorization) (login string, id int64, resp *http.Response, err error) {
	resp = &http.Response{Header: http.Header{}}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, api+"/user", nil)
	if err != nil {
		return "", 0, resp, err
	}
	r.Header.Set("Accept", "application/vnd.github+json")
	r.Header.Set("User-Agent", p.UserAgent)
	r.Header.Set("Authorization", auth.bearer)
	answer, err := p.Transport.RoundTrip(r)
	if err != nil {
		return "", 0, resp, err
	}
	defer answer.Body.Close()
	var user struct {
		Login string `json:"login"`
		ID    int64  `json:"id"`
	}
	const enough = 64 << 10
	err = json.NewDecoder(io.LimitReader(answer.Body, enough)).Decode(&user)
	switch {
	case answer.StatusCode != http.StatusOK:
		err = fmt.Errorf("GET /user: %s", answer.Status)
	case err == nil && user.ID == 0:
		err = errors.New("GET /user: no id")
	}
	return user.Login, user.ID, answer, err
}

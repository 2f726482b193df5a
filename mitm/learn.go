package mitm

import (
	"time"

	"octopool/mitm/learning"
)

// learn remembers what a registered client did: what scopes would have to allow. What was
// not answered it has not done.
func (p *Proxy) learn(w *record, route string) {
	if w.answer != nil && w.pool != "" {
		p.memory.Note(w.client, learning.UsesOf(w.asked, route), time.Now())
	}
}

// Usage is what a client did in the last day, or since the proxy began.
func (p *Proxy) Usage(client string) learning.Usage {
	now := time.Now().UTC().Round(time.Second)
	u := p.memory.Of(client, now)
	if u.Since = now.Add(-24 * time.Hour); u.Since.Before(p.began) {
		u.Since = p.began.Round(time.Second)
	}
	for _, g := range p.GitHubs {
		u.GitHubs = append(u.GitHubs, g.Host)
	}
	return u
}

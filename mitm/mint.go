package mitm

import (
	"encoding/json"
	"net/http"
	"time"

	"octopool/mitm/mint"
	"octopool/policy"
)

// mintPath is where clients mint tokens for themselves.
const mintPath = "/-/mint"

// mostOrder is how long the JSON of an order may be.
const mostOrder = 16 << 10

// openMint makes what the mint has made known as clients' tokens.
func (p *Proxy) openMint() {
	if p.Mint == nil {
		return
	}
	p.Verifiers = append(p.Verifiers[:len(p.Verifiers):len(p.Verifiers)], p.Mint)
	p.meters.set.NewGauge("octopool_minted_tokens", func() float64 { return float64(p.Mint.Made()) })
	p.meters.set.NewGauge("octopool_minted_tokens_revoked", func() float64 { return float64(p.Mint.Revoked()) })
}

// mint answers a client that orders a token for itself. The answer is a secret, and so is
// the token that it is asked with, so it is given where base URLs are: over TLS or to
// this machine, or where the operator trusts the network.
func (p *Proxy) mint(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", "POST")
		http.Error(w, "octopool: POST an order for a token, such as {}", http.StatusMethodNotAllowed)
		return
	}
	made, err := p.mintFor(w, r)
	if err != nil {
		p.turnedAway(r.Method, r.Host, err)
		p.Log.Warn("refused to mint", "err", err)
		refused := refusalFor(err, time.Now())
		refused.write(w, r.Method, refused.body())
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	json.NewEncoder(w).Encode(made) // an error is the reader's, who has left
}

func (p *Proxy) mintFor(w http.ResponseWriter, r *http.Request) (mint.Token, error) {
	rules := p.rules.Load()
	switch {
	case !rules.Door.BaseURL:
		return mint.Token{}, errInClear
	case fromPage(r.Header):
		return mint.Token{}, errBrowser
	}
	caller, err := p.registered(r.Context(), rules.Policy, r.Header["Authorization"])
	if err != nil {
		return mint.Token{}, err
	}
	order, err := mint.ReadOrder(http.MaxBytesReader(w, r.Body, mostOrder))
	if err != nil {
		return mint.Token{}, err
	}
	sent, _ := policy.TokenFrom(r.Header.Get("Authorization")) // it was read before
	made, err := p.Mint.Part(rules.Policy, caller, policy.NewSecret(sent), order)
	return p.minted(made, "client", err)
}

// MintFor makes a token for any client, at an operator's wish. Its errors are
// mint.ErrOff and *mint.Refusal.
func (p *Proxy) MintFor(o mint.Order) (mint.Token, error) {
	made, err := p.Mint.Issue(p.rules.Load().Policy, o)
	return p.minted(made, "operator", err)
}

func (p *Proxy) minted(made mint.Token, by string, err error) (mint.Token, error) {
	if err == nil {
		p.Log.Info("minted a token", "client", made.Client, "token_id", made.ID, "expires", made.Expires, "by", by)
	}
	return made, err
}

// Revoke ends a minted token, and what was narrowed from it, from the next request on.
func (p *Proxy) Revoke(id string) error {
	err := p.Mint.Revoke(id)
	if err == nil {
		p.Log.Info("revoked a token", "token_id", id)
	}
	return err
}

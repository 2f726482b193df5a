package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"octopool/mitm/mint"
	"octopool/policy"
)

// mint makes a token for a client. A listener without a token is open to whoever is on
// this machine, and none of them may become a client by that.
func (c Config) mint(w http.ResponseWriter, r *http.Request) {
	if c.Token.IsZero() {
		http.Error(w, "set admin.token to mint tokens here: anybody on this machine could ask for one of any client", http.StatusForbidden)
		return
	}
	order, ok := readJSON(w, r)
	if !ok {
		return
	}
	made, err := c.Mint(order)
	if err != nil {
		refuseMint(w, err)
		return
	}
	answer(w, made)
}

// readJSON reads an order, or refuses what is none.
func readJSON(w http.ResponseWriter, r *http.Request) (o mint.Order, ok bool) {
	if !sendsJSON(r) {
		http.Error(w, "send JSON as application/json", http.StatusUnsupportedMediaType)
		return o, false
	}
	o, err := mint.ReadOrder(http.MaxBytesReader(w, r.Body, 64<<10))
	if err != nil {
		refuseMint(w, err)
		return o, false
	}
	return o, true
}

func refuseMint(w http.ResponseWriter, err error) {
	status := http.StatusInternalServerError
	if _, ok := errors.AsType[*mint.Refusal](err); ok || errors.Is(err, mint.ErrOff) {
		status = http.StatusBadRequest
	}
	http.Error(w, err.Error(), status)
}

// A revocation is the JSON that asks for one.
type revocation struct {
	ID string `json:"id"`
}

// revoke ends a minted token.
func (c Config) revoke(w http.ResponseWriter, r *http.Request) {
	if !sendsJSON(r) {
		http.Error(w, "send JSON as application/json", http.StatusUnsupportedMediaType)
		return
	}
	var asked revocation
	in := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10))
	in.DisallowUnknownFields()
	if err := in.Decode(&asked); err != nil {
		http.Error(w, "this is not JSON that revokes a token: "+err.Error(), http.StatusBadRequest)
		return
	}
	if err := c.Revoke(asked.ID); err != nil {
		refuseMint(w, err)
		return
	}
	answer(w, asked)
}

// AskMint has an octopool make a token, as [Ask] asks for its status.
func AskMint(ctx context.Context, url string, token policy.Secret, o mint.Order) (mint.Token, error) {
	post, err := json.Marshal(o)
	if err != nil {
		return mint.Token{}, err
	}
	made, _, err := askFor(ctx, question{url: url, path: "/api/mint", token: token, post: post, patience: 10 * time.Second},
		func(t mint.Token) bool { return t.Token != "" })
	return made, err
}

// AskRevoke has an octopool end a minted token.
func AskRevoke(ctx context.Context, url string, token policy.Secret, id string) error {
	post, err := json.Marshal(revocation{id})
	if err != nil {
		return err
	}
	_, _, err = askFor(ctx, question{url: url, path: "/api/revoke", token: token, post: post, patience: 10 * time.Second},
		func(r revocation) bool { return r.ID == id })
	return err
}

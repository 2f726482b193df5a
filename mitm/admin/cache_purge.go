package admin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"octopool/policy"
)

// Purged is what POST /api/cache/purge answers: how many answers were forgotten, and how
// often the store failed meanwhile. After a failure some may be left.
type Purged struct {
	Purged int    `json:"purged"`
	Errors uint64 `json:"errors"`
}

// A purge is the JSON that asks for one: for a pattern, or for all. To leave out both, or to
// misspell one, must not empty the store.
type purge struct {
	Pattern string `json:"pattern,omitempty"`
	All     bool   `json:"all,omitempty"`
}

func (p purge) pattern() (Pattern, error) {
	switch {
	case p.All && p.Pattern == "":
		return Pattern{}, nil
	case p.All:
		return Pattern{}, errors.New("name a pattern or all, not both")
	case p.Pattern == "":
		return Pattern{}, errors.New(`name a pattern, {"pattern": "/repos/acme/**"}, or {"all": true}`)
	}
	return ParsePattern(p.Pattern)
}

// purge forgets what is stored.
func (c Config) purge(w http.ResponseWriter, r *http.Request) {
	if !sendsJSON(r) {
		http.Error(w, "send JSON as application/json", http.StatusUnsupportedMediaType)
		return
	}
	var asked purge
	in := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10))
	in.DisallowUnknownFields()
	err := in.Decode(&asked)
	if _, more := in.Token(); err == nil && more != io.EOF {
		err = errors.New("more than one value")
	}
	if err != nil {
		http.Error(w, "this is not JSON that asks for a purge: "+err.Error(), http.StatusBadRequest)
		return
	}
	pattern, err := asked.pattern()
	var purged Purged
	if err == nil {
		purged, err = c.Purge(pattern)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer(w, purged)
}

// AskCache asks an octopool for its cache, as [Ask] does for its status.
func AskCache(ctx context.Context, url string, token policy.Secret) (Cache, []byte, error) {
	return askFor(ctx, question{url: url, path: "/api/cache", token: token, patience: 10 * time.Second},
		func(c Cache) bool { return c.Version != "" })
}

// AskPurge has an octopool forget what a pattern names, which may take minutes if it has
// millions of answers on a slow disk.
func AskPurge(ctx context.Context, url string, token policy.Secret, pattern Pattern) (Purged, error) {
	post, err := json.Marshal(purge{Pattern: pattern.text, All: pattern.text == ""})
	if err != nil {
		return Purged{}, err
	}
	type answer struct {
		Purged *int
		Errors uint64
	}
	got, _, err := askFor(ctx, question{url: url, path: "/api/cache/purge", token: token, post: post, patience: 5 * time.Minute},
		func(a answer) bool { return a.Purged != nil })
	if err != nil {
		return Purged{}, err
	}
	return Purged{Purged: *got.Purged, Errors: got.Errors}, nil
}

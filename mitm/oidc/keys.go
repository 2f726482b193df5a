package oidc

import (
	"context"
	"crypto"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

// How often an issuer is asked for its keys. A stranger can make up names of keys as fast
// as it likes, so there is a least time between two questions, whatever came of the first.
const (
	renewAfter = time.Hour // a key that the issuer has taken back is good for so long
	restAfter  = 10 * time.Second
	fetchTime  = 10 * time.Second // for discovery and keys together
	maxBody    = 1 << 20          // bytes, of each answer
)

// keys are those of one issuer. Known ones go on when the issuer is down.
type keys struct {
	issuer    string
	client    *http.Client
	transport *http.Transport
	now       func() time.Time
	fetched   func(error) // is told what came of each question

	mu     sync.Mutex
	known  map[string][]crypto.PublicKey // by kid
	since  time.Time                     // of known; zero before the first
	asked  time.Time                     // the last time the issuer was
	failed error                         // what came of that
	asking chan struct{}                 // closed at the end of the question that is under way; nil for none
}

func newKeys(i Issuer, now func() time.Time, fetched func(error)) *keys {
	transport := &http.Transport{
		Proxy:                  nil, // the environment's may be octopool itself
		TLSClientConfig:        &tls.Config{RootCAs: i.Roots},
		MaxResponseHeaderBytes: 64 << 10,
		DisableKeepAlives:      true, // for two requests an hour
	}
	k := &keys{issuer: i.URL, transport: transport, now: now, fetched: fetched}
	k.client = &http.Client{Timeout: fetchTime, Transport: bound{k}}
	return k
}

// of returns the keys of this name. What is known is answered at once, and renewed meanwhile
// when it is old; for what is not, the issuer is asked, if it was not a moment ago.
func (k *keys) of(ctx context.Context, kid string) ([]crypto.PublicKey, error) {
	k.mu.Lock()
	known, asking := k.known[kid], k.asking
	now := k.now()
	old := k.since.IsZero() || now.Sub(k.since) >= renewAfter
	rested := k.asked.IsZero() || now.Sub(k.asked) >= restAfter
	if (old || len(known) == 0) && rested && asking == nil {
		asking = make(chan struct{})
		k.asking, k.asked = asking, now
		go k.renew(asking)
	}
	failed := k.failed
	k.mu.Unlock()
	switch {
	case len(known) > 0:
		return known, nil
	case asking == nil && failed != nil:
		return nil, fmt.Errorf("its issuer could not be asked for key %.80q: %w", kid, failed)
	case asking == nil:
		return nil, fmt.Errorf("its issuer has no key %.80q", kid)
	}
	select {
	case <-asking:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case len(k.known[kid]) > 0:
		return k.known[kid], nil
	case k.failed != nil:
		return nil, fmt.Errorf("its issuer could not be asked for key %.80q: %w", kid, k.failed)
	}
	return nil, fmt.Errorf("its issuer has no key %.80q", kid)
}

// renew asks the issuer. It goes on when whoever wanted to know has left.
func (k *keys) renew(asking chan struct{}) {
	ctx, cancel := context.WithTimeout(context.Background(), fetchTime)
	defer cancel()
	found, err := k.fetch(ctx)
	if err != nil {
		err = fmt.Errorf("%.300s", err.Error()) // it may hold all of an answer
	}
	k.fetched(err)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.failed = err; err == nil {
		k.known, k.since = found, k.now()
	}
	k.asking = nil
	close(asking)
}

// age is how long ago the issuer has told its keys; false if it never has.
func (k *keys) age() (time.Duration, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.now().Sub(k.since), !k.since.IsZero()
}

// fetch goes from the issuer's address to its keys (OpenID Connect Discovery 1.0).
func (k *keys) fetch(ctx context.Context) (map[string][]crypto.PublicKey, error) {
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, k.client), k.issuer)
	if err != nil {
		return nil, err
	}
	var place struct {
		JWKS string `json:"jwks_uri"`
	}
	if err := provider.Claims(&place); err != nil {
		return nil, err
	}
	in, err := http.NewRequestWithContext(ctx, http.MethodGet, place.JWKS, nil)
	if err != nil {
		return nil, fmt.Errorf("jwks_uri: %w", err)
	}
	resp, err := k.client.Do(in)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", place.JWKS, resp.Status)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&set); err != nil {
		return nil, fmt.Errorf("%s: %w", place.JWKS, err)
	}
	found := usable(set.Keys)
	if len(found) == 0 {
		return nil, fmt.Errorf("%s has no key that can be used", place.JWKS)
	}
	return found, nil
}

// usable are the public keys for signatures that have a name. Others there may be are left
// out, and one that cannot be read spoils no other (RFC 7517, section 5).
func usable(set []json.RawMessage) map[string][]crypto.PublicKey {
	found := map[string][]crypto.PublicKey{}
	for _, raw := range set {
		var key jose.JSONWebKey
		if json.Unmarshal(raw, &key) != nil || !key.Valid() || key.KeyID == "" || key.Use != "" && key.Use != "sig" {
			continue
		}
		if key = key.Public(); key.Key != nil { // nil for a secret
			found[key.KeyID] = append(found[key.KeyID], key.Key)
		}
	}
	return found
}

// bound keeps questions to the issuer's own host, and answers short.
type bound struct{ k *keys }

func (b bound) RoundTrip(r *http.Request) (*http.Response, error) {
	if home, err := url.Parse(b.k.issuer); err != nil || r.URL.Scheme != "https" || r.URL.Host != home.Host {
		return nil, fmt.Errorf("%s is not on the host of its issuer, which alone is asked", r.URL)
	}
	resp, err := b.k.transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = &short{resp.Body, maxBody}
	return resp, nil
}

// short is a body of which only so much is read.
type short struct {
	io.ReadCloser
	left int64
}

var errLong = errors.New("the answer is too long")

func (s *short) Read(p []byte) (int, error) {
	if s.left <= 0 {
		return 0, errLong
	}
	n, err := s.ReadCloser.Read(p[:min(int64(len(p)), s.left)])
	s.left -= int64(n)
	return n, err
}

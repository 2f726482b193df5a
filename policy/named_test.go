package policy_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"octopool/policy"
)

// A tunnel outlives a registration: who was named by a token that is gone is nobody, and
// who was named has the scopes that its client has now.
func TestANameIsLookedUpEachTime(t *testing.T) {
	rules := policy.Rules{Clients: []policy.Registration{{Name: "ci", Token: policy.DigestOf("of_ci"), Pool: "old"}}}
	before := newPolicy(t, rules)
	named, err := before.Recognize([]string{"Bearer of_ci"})
	if err != nil {
		t.Fatal(err)
	}
	rules.Clients[0].Pool = "new"
	if c, err := newPolicy(t, rules).IdentifyNamed(named, time.Time{}); err != nil || c.Pool() != "new" {
		t.Errorf("after a change: %v, %v", c.Pool(), err)
	}
	rules.Clients[0].Token = policy.DigestOf("of_ci, anew")
	if c, err := newPolicy(t, rules).IdentifyNamed(named, time.Time{}); !errors.Is(err, policy.ErrUnknownToken) || c.Client() != "" {
		t.Errorf("after its token has changed: %q, %v", c.Client(), err)
	}
	if c, err := before.IdentifyNamed(policy.Named{}, time.Time{}); !errors.Is(err, policy.ErrUnknownToken) || c.Client() != "" {
		t.Errorf("nobody named: %q, %v", c.Client(), err)
	}
}

func newPolicy(t testing.TB, rules policy.Rules) *policy.Policy {
	t.Helper()
	p, err := policy.New(rules)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Whatever the credentials of a proxy's URL look like, they name a client exactly when they
// hold its token, which is never the token of those that pass through, and an error repeats
// nothing of them.
func FuzzRecognize(f *testing.F) {
	basic := func(text string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(text)) }
	for _, seed := range []string{"", "Basic", "Basic ", basic("ci:of_ci"), basic("of_ci:"), basic("of_ci"), basic(":"), basic("a:b:of_ci"), "bearer of_ci", "token of_ci", "Basic Y2k6b2ZfY2k", "Basic\tY2k6b2ZfY2k=", "Bearer ghp_0123456789012345678901234567890123456789", "Negotiate x", basic("of_ci:x-oauth-basic")} {
		f.Add(seed, "")
		f.Add("", seed)
	}
	f.Add("bearer of_ci", "bearer of_ci")
	p := newPolicy(f, policy.Rules{Anonymous: "client:ci", Unknown: "passthrough", Clients: []policy.Registration{{Name: "ci", Token: policy.DigestOf("of_ci")}}})
	f.Fuzz(func(t *testing.T, one, other string) {
		values := []string{one}
		if other != "" {
			values = append(values, other)
		}
		named, err := p.Recognize(values)
		token, readable := policy.TokenFrom(one)
		if known := readable && token == "of_ci" && other == ""; known != (err == nil) || known == (named == policy.Named{}) {
			t.Fatalf("%q: named %v, %v", values, named != policy.Named{}, err)
		}
		if err != nil && !errors.Is(err, policy.ErrUnknownToken) {
			t.Fatalf("%q: %v", values, err)
		}
		if err != nil && len(one) > 12 && strings.Contains(err.Error(), one) {
			t.Fatalf("the error repeats %q", one)
		}
		if err == nil {
			if c, err := p.IdentifyNamed(named, time.Time{}); err != nil || c.Client() != "ci" {
				t.Fatalf("%q: %q, %v", values, c.Client(), err)
			}
		}
	})
}

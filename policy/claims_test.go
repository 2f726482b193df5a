package policy_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"octopool/policy"
)

func claim(t testing.TB, name, text string) policy.Claim {
	t.Helper()
	c, err := policy.ParseClaim(name, text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A claim is matched segment by segment, to the end, and with regard to case.
func TestClaims(t *testing.T) {
	for _, tt := range []struct {
		pattern, value string
		fits           bool
	}{
		{"acme/*", "acme/web", true}, {"acme/*", "acme/web/x", false}, {"acme/*", "acme", false}, {"acme/*", "acme/", false}, {"acme/*", "/web", false},
		{"acme/*", "Acme/web", false}, {"acme/*", "acme-evil/web", false}, {"acme/**", "acme/web/x", true},
		{"refs/heads/main", "refs/heads/main", true}, {"refs/heads/main", "refs/heads/Main", false}, {"refs/heads/main", "refs/heads/main/x", false},
		{"refs/heads/release-*", "refs/heads/release-1", true}, {"refs/heads/release-*", "refs/heads/Release-1", false}, {"refs/heads/release-*", "refs/heads/x-release-1", false},
		{"{acme,umbrella}/web", "umbrella/web", true}, {"{acme,umbrella}/web", "umbrellaacme/web", false}, {"a*b*a", "aba", true}, {"a*b*a", "ab", false}, {"ab*ba", "aba", false},
		{"74", "74", true}, {"74", "740", false}, {"repo:acme/web:ref:refs/heads/main", "repo:acme/web:ref:refs/heads/main", true}, {"**", "", false},
	} {
		p := newPolicy(t, policy.Rules{Clients: []policy.Registration{{Name: "job", Holder: &policy.Holder{Issuer: "i", Audience: "a", Claims: []policy.Claim{claim(t, "x", tt.pattern)}}}}})
		c, err := p.IdentifyProof(policy.NewClaims("i", []string{"b", "a"}, map[string]string{"x": tt.value}, time.Unix(2, 0)), time.Unix(1, 0))
		if fits := err == nil && c.Client() == "job"; fits != tt.fits || !fits && !errors.Is(err, policy.ErrUnknownToken) {
			t.Errorf("%q, %q: %v", tt.pattern, tt.value, err)
		}
	}
}

// A proof ends at its time, and is anew under each Policy.
func TestAProofIsNoCaller(t *testing.T) {
	h := &policy.Holder{Issuer: "i", Audience: "a", Claims: []policy.Claim{claim(t, "x", "1")}}
	proof := policy.NewClaims("i", []string{"a"}, map[string]string{"x": "1", "run": "7"}, time.Unix(2, 0), "run", "none")
	for _, name := range []string{"one", "two"} {
		p := newPolicy(t, policy.Rules{Clients: []policy.Registration{{Name: name, Holder: h}}})
		if c, err := p.IdentifyProof(proof, time.Unix(1, 0)); err != nil || c.Client() != name || len(c.About()) != 1 || c.About()[0] != (policy.Fact{Name: "run", Value: "7"}) {
			t.Errorf("%q, %v, %v", c.Client(), c.About(), err)
		}
		if _, err := p.IdentifyProof(proof, time.Unix(2, 0)); !errors.Is(err, policy.ErrUnknownToken) {
			t.Errorf("at its end: %v", err)
		}
	}
	if _, err := newPolicy(t, policy.Rules{}).IdentifyProof(proof, time.Unix(1, 0)); !errors.Is(err, policy.ErrUnknownToken) {
		t.Errorf("without its client: %v", err)
	}
}

// A claim without stars is for its very text; and what fits with stars fits without regard to
// where the text came from, in bounded time.
func FuzzClaim(f *testing.F) {
	f.Add("acme/*", "acme/web")
	f.Add("{a,b}*c/**", "axc/d/e")
	f.Add("*a*a*a*a*b", strings.Repeat("a", 100))
	f.Fuzz(func(t *testing.T, pattern, value string) {
		c, err := policy.ParseClaim("x", pattern)
		if err != nil {
			return
		}
		p := newPolicy(t, policy.Rules{Clients: []policy.Registration{{Name: "job", Holder: &policy.Holder{Issuer: "i", Audience: "a", Claims: []policy.Claim{c}}}}})
		_, err = p.IdentifyProof(policy.NewClaims("i", []string{"a"}, map[string]string{"x": value}, time.Unix(2, 0)), time.Unix(1, 0))
		if !strings.ContainsAny(pattern, "*{") && (err == nil) != (value == pattern) {
			t.Errorf("%q, %q: %v", pattern, value, err)
		}
		if err == nil && strings.Count(pattern, "/") != strings.Count(value, "/") && !strings.HasSuffix(pattern, "**") {
			t.Errorf("%q fits %q", pattern, value)
		}
	})
}

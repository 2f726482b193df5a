package policy_test

import (
	"strings"
	"testing"

	"octopool/policy"
)

// What is a name makes a client, and what is none does not: there is one definition.
func TestIsName(t *testing.T) {
	for text, want := range map[string]bool{
		"ci": true, "a": true, "CI-2_b.c": true, "..": true, strings.Repeat("a", 64): true,
		"": false, strings.Repeat("a", 65): false, "a b": false, "a\n": false, "é": false, `a"`: false, "a/b": false, "a\x00": false, "{a}": false,
	} {
		if got := policy.IsName(text); got != want {
			t.Errorf("IsName(%q) = %v", text, got)
		}
		_, err := policy.New(policy.Rules{Clients: []policy.Registration{{Name: text, Token: policy.DigestOf("x")}}})
		if (err == nil) != want {
			t.Errorf("a client %q: %v", text, err)
		}
	}
}

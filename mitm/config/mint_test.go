package config

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// What is wrong with [mint] is told with its place, and a key is not repeated.
func TestMintIsChecked(t *testing.T) {
	for _, tt := range []struct {
		claim string
		mint  Mint
		want  []string
	}{
		{"no life", Mint{}, []string{"mint.max_ttl: 0s: want from 1s to 720h0m0s, or set mint.enabled = false"}},
		{"too long a life", Mint{MaxTTL: Duration(721 * time.Hour)}, []string{"mint.max_ttl: 721h0m0s: want from 1s to 720h0m0s, or set mint.enabled = false"}},
		{"a short key", Mint{MaxTTL: 1 << 40, Keys: []string{"env:SHORT", "env:LONG"}}, []string{"mint.keys[0]: a key for minted tokens has 32 random characters or more, this one has 7; make one with: openssl rand -hex 32"}},
		{"a key itself", Mint{MaxTTL: 1 << 40, Keys: []string{"hunter2hunter2hunter2hunter2hunter2"}}, []string{"mint.keys[0]: write a reference, env:NAME or file:PATH, not the secret itself"}},
	} {
		s := &settler{environ: []string{"SHORT=hunter2", "LONG=" + strings.Repeat("hunter2", 5)}}
		s.mint(tt.mint)
		var got []string
		for _, p := range s.problems {
			got = append(got, p.Key+": "+p.Message)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.claim, got, tt.want)
		}
	}
}

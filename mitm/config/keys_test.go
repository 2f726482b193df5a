package config

import (
	"slices"
	"strings"
	"testing"
)

func TestKeysAreThoseOfTheFile(t *testing.T) {
	want := strings.Fields(`
		data_dir
		proxy proxy.listen
		admin admin.listen admin.token
		ca ca.certificate ca.key
		cache cache.backend cache.ttl cache.max_entry cache.fresh_for
		policy policy.anonymous policy.unknown
		tunnel tunnel.allow tunnel.deny tunnel.ports tunnel.private
		github github.host github.git github.dial github.ca_file
		credential credential.name credential.pool credential.github credential.pat credential.owners
		client client.name client.token_sha256 client.token client.pool client.scopes`)
	if got := Keys(); !slices.Equal(got, want) {
		t.Errorf("keys:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestTheKeyThatWasLikelyMeant(t *testing.T) {
	for _, tt := range []struct{ written, meant string }{
		{"cache.tll", "cache.ttl"},
		{"cache.freshfor", "cache.fresh_for"},
		{"client.token-sha256", "client.token_sha256"},
		{"client.scope", "client.scopes"},
		{"credentials", "credential"},
		{"Proxy", "proxy"},
		{"datadir", "data_dir"},
		{"ttl", "cache.ttl"},                    // the table was forgotten
		{"cache.anonymous", "policy.anonymous"}, // or is another
		{"listen", ""},                          // several tables have it
		{"cache.url", ""},                       // two letters from ttl, of three
		{"client.requests_per_hour", ""},
		{"nonsense", ""},
		{"", ""},
	} {
		if got := nearest(tt.written); got != tt.meant {
			t.Errorf("%q is taken for %q, want %q", tt.written, got, tt.meant)
		}
	}
}

package config

import (
	"slices"
	"strings"
	"testing"
)

func TestKeysAreThoseOfTheFile(t *testing.T) {
	want := strings.Fields(`
		data_dir
		proxy proxy.listen proxy.tls proxy.certificate proxy.key proxy.require_auth proxy.plain_base_url proxy.upstream
		admin admin.listen admin.token
		mint mint.enabled mint.max_ttl mint.keys
		log log.level
		audit audit.file audit.max_bytes audit.keep
		ca ca.certificate ca.key
		cache cache.backend cache.url cache.max_bytes cache.max_entry cache.ttl
		cache.fresh_for cache.stale_if_error cache.negative_for cache.graphql_fresh_for
		cache.fresh cache.fresh.path cache.fresh.for
		pool pool.max_wait
		policy policy.anonymous policy.unknown policy.report_only
		tunnel tunnel.allow tunnel.deny tunnel.ports tunnel.private
		limits limits.connections limits.connections_per_address limits.connects_per_minute limits.requests_per_connection limits.documents
		github github.host github.git github.dial github.ca_file
		github.limits github.limits.in_flight github.limits.points_per_minute github.limits.graphql_points_per_minute
		github.limits.creations_per_minute github.limits.creations_per_hour
		credential credential.name credential.pool credential.github credential.pat
		credential.app_id credential.client_id credential.private_key credential.installation_id credential.owners
		client client.name client.token_sha256 client.token client.pool client.scopes client.report_only
		client.requests_per_hour client.concurrency client.writes_as client.repositories client.permissions
		client.oidc client.oidc.issuer client.oidc.audience client.oidc.claims client.oidc.ca_file`)
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
		{"cache.lru", ""},                       // two letters from ttl, of three
		{"client.request_per_hour", "client.requests_per_hour"},
		{"client.request_per_minute", ""},
		{"credential.app-id", "credential.app_id"},
		{"credential.installation", "credential.installation_id"},
		{"github.limits.creations", ""},
		{"github.points_per_minute", "github.limits.points_per_minute"},
		{"cache.max_wait", "pool.max_wait"},
		{"nonsense", ""},
		{"", ""},
	} {
		if got := nearest(tt.written); got != tt.meant {
			t.Errorf("%q is taken for %q, want %q", tt.written, got, tt.meant)
		}
	}
}

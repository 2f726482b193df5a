package config

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestEveryKeyIsRead(t *testing.T) {
	got, problems := decode(map[string]any{
		"data_dir": "/data",
		"proxy":    map[string]any{"listen": "127.0.0.1:1", "tls": true, "certificate": "file:p", "key": "file:q", "require_auth": true, "plain_base_url": true, "upstream": "env:U"},
		"admin":    map[string]any{"listen": "127.0.0.1:2", "token": "env:A"},
		"mint":     map[string]any{"enabled": false, "max_ttl": "2h", "keys": []any{"file:m"}},
		"log":      map[string]any{"level": "warn"},
		"audit":    map[string]any{"file": "f", "max_bytes": "2MiB", "keep": int64(3)},
		"ca":       map[string]any{"certificate": "file:c", "key": "file:k"},
		"cache": map[string]any{
			"backend": "redis", "url": "env:R", "max_bytes": "1GiB", "max_entry": "1KiB", "ttl": "1h",
			"fresh_for": "5s", "stale_if_error": "6s", "negative_for": "7s", "graphql_fresh_for": "8s",
			"fresh": []map[string]any{{"path": "/a", "for": "0s"}, {"path": "/b"}},
		},
		"pool":   map[string]any{"max_wait": "9s"},
		"policy": map[string]any{"anonymous": "reject", "unknown": "passthrough", "report_only": true},
		"tunnel": map[string]any{"allow": []any{"a"}, "deny": []any{"b", "c"}, "ports": []any{int64(1), int64(2)}, "private": true},
		"limits": map[string]any{
			"connections": int64(1), "connections_per_address": int64(2), "connects_per_minute": int64(3), "requests_per_connection": int64(4), "documents": int64(5),
		},
		"github": []map[string]any{
			{"host": "h", "git": false, "dial": "d", "ca_file": "f", "limits": map[string]any{
				"in_flight": int64(1), "points_per_minute": int64(2), "graphql_points_per_minute": int64(3), "creations_per_minute": int64(4), "creations_per_hour": int64(0),
			}},
			{"host": "g"},
		},
		"credential": []map[string]any{
			{"name": "n", "pool": "p", "github": "g", "pat": "env:P", "owners": []any{"o"}},
			{"app_id": int64(12), "client_id": "Iv", "private_key": "file:p", "installation_id": int64(1) << 40},
		},
		// An inline table in a list is another way to write the same.
		"client": []any{map[string]any{
			"name": "n", "token_sha256": "s", "token": "t", "pool": "p", "scopes": []any{}, "report_only": true, "requests_per_hour": int64(7), "concurrency": int64(8),
			"writes_as": "w", "repositories": []any{"o/r"}, "permissions": map[string]any{"contents": "read", "a.b": ""},
			"oidc": map[string]any{"issuer": "i", "audience": "o", "claims": map[string]any{"ref": "r"}, "ca_file": "f"},
		}},
	})
	want := File{
		DataDir: "/data", Proxy: Proxy{"127.0.0.1:1", true, "file:p", "file:q", true, true, "env:U"}, Admin: Admin{"127.0.0.1:2", "env:A"}, Mint: Mint{false, Duration(2 * time.Hour), []string{"file:m"}}, Log: Log{"warn"}, Audit: Audit{"f", 2 << 20, 3}, CA: CA{"file:c", "file:k"},
		Cache: Cache{
			"redis", "env:R", new(Size(1 << 30)), 1 << 10, Duration(time.Hour),
			Duration(5 * time.Second), Duration(6 * time.Second), Duration(7 * time.Second), Duration(8 * time.Second),
			[]Fresh{{"/a", new(Duration(0))}, {"/b", nil}},
		},
		Pool: Pool{Duration(9 * time.Second)}, Policy: Policy{"reject", "passthrough", true},
		Tunnel:     Tunnel{[]string{"a"}, []string{"b", "c"}, []int{1, 2}, true},
		Limits:     ClientLimits{1, 2, 3, 4, 5},
		GitHub:     []GitHub{{"h", new(false), "d", "f", Limits{new(1), new(2), new(3), new(4), new(0)}}, {Host: "g"}},
		Credential: []Credential{{Name: "n", Pool: "p", GitHub: "g", PAT: "env:P", Owners: []string{"o"}}, {AppID: new(int64(12)), ClientID: "Iv", PrivateKey: "file:p", InstallationID: new(int64(1) << 40)}},
		Client:     []Client{{"n", "s", "t", "p", []string{}, true, new(7), new(8), "w", []string{"o/r"}, map[string]string{"contents": "read", "a.b": ""}, &OIDC{"i", "o", map[string]string{"ref": "r"}, "f"}}},
	}
	if len(problems) > 0 {
		t.Error(problems)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWithoutKeysThereAreDefaults(t *testing.T) {
	got, problems := decode(nil)
	if len(problems) > 0 {
		t.Error(problems)
	}
	if diff := cmp.Diff(Default(), got); diff != "" {
		t.Error(diff)
	}
}

// TestWrongTypes shows that each is told, and that no message repeats a value.
func TestWrongTypes(t *testing.T) {
	secret := "ghp_secret"
	_, problems := decode(map[string]any{
		"data_dir":   int64(1),
		"proxy":      []map[string]any{{"listen": secret}},
		"admin":      secret,
		"cache":      map[string]any{"ttl": int64(30), "max_entry": int64(8), "max_bytes": "8", "fresh": map[string]any{"path": secret}},
		"client":     map[string]any{"name": secret},
		"pool":       []any{secret},
		"credential": []any{secret, map[string]any{"owners": secret, "nmae": secret, "app_id": secret, "installation_id": 1.5}},
		"github":     []map[string]any{{"git": secret, "limits": int64(5)}, {"git": int64(1), "limits": map[string]any{"in_flight": secret, "inflight": int64(1)}}},
		"tunnel":     map[string]any{"ports": []any{"443", 4.5, int64(443)}, "allow": []any{true}, "private": secret},
	})
	want := []Problem{
		{"admin", "want one table"},
		{"cache.fresh", "want [[cache.fresh]] with two brackets: there may be several"},
		{"cache.max_bytes", `"8" is not a size such as "8MiB" or "2GiB"`},
		{"cache.max_entry", "want text in quotes"},
		{"cache.ttl", "want text in quotes"},
		{"client", "want [[client]] with two brackets: there may be several"},
		{"credential[0]", "want one table"},
		{"credential[1].app_id", "want a whole number"},
		{"credential[1].installation_id", "want a whole number"},
		{"credential[1].nmae", "unknown key; did you mean credential.name?"},
		{"credential[1].owners", "want a list, in [ ]"},
		{"data_dir", "want text in quotes"},
		{"github[0].git", "want true or false"},
		{"github[0].limits", "want one table"},
		{"github[1].git", "want true or false"},
		{"github[1].limits.in_flight", "want a whole number"},
		{"github[1].limits.inflight", "unknown key; did you mean github.limits.in_flight?"},
		{"pool", "want one table"},
		{"proxy", "want one table"},
		{"tunnel.allow[0]", "want text in quotes"},
		{"tunnel.ports[0]", "want a whole number"},
		{"tunnel.ports[1]", "want a whole number"},
		{"tunnel.private", "want true or false"},
	}
	if !slices.Equal(problems, want) {
		t.Error(cmp.Diff(want, problems))
	}
}

// TestTablesOfWords have keys that are the user's, and their values are still checked.
func TestTablesOfWords(t *testing.T) {
	for _, tt := range []struct {
		permissions any
		want        []Problem
		read        map[string]string
	}{
		{map[string]any{"contents": "read", "issues": int64(1), "checks": map[string]any{}}, []Problem{
			{"client[0].permissions.checks", "want text in quotes"},
			{"client[0].permissions.issues", "want text in quotes"},
		}, map[string]string{"contents": "read"}},
		{"contents", []Problem{{"client[0].permissions", "want one table, in { }"}}, nil},
		{[]map[string]any{{}}, []Problem{{"client[0].permissions", "want one table, in { }"}}, nil},
		{map[string]any{}, nil, map[string]string{}},
	} {
		got, problems := decode(map[string]any{"client": []map[string]any{{"permissions": tt.permissions}}})
		if diff := cmp.Diff(tt.want, problems); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(tt.read, got.Client[0].Permissions); diff != "" {
			t.Error(diff)
		}
	}
}

// TestWhatCannotBeReadIsNotThere: nil is what was not written, and a value of the wrong type
// must not be taken for a zero that was.
func TestWhatCannotBeReadIsNotThere(t *testing.T) {
	got, problems := decode(map[string]any{
		"cache":      map[string]any{"max_bytes": "8"},
		"credential": []map[string]any{{"app_id": "12345"}},
		"github":     []map[string]any{{"git": "no", "limits": map[string]any{"in_flight": "many"}}},
	})
	if len(problems) != 4 || got.Cache.MaxBytes != nil || got.Credential[0].AppID != nil || got.GitHub[0].Git != nil || got.GitHub[0].Limits.InFlight != nil {
		t.Errorf("%+v, %v", got, problems)
	}
}

// FuzzDecode shows that no tree is too odd. JSON is a way to write one down.
func FuzzDecode(f *testing.F) {
	f.Add(`{"client":[{"name":"n","scopes":["a",1]},null],"cache":{"ttl":"1h"},"tunnel":{"ports":[1]},"github":[{"git":null,"limits":{"in_flight":1.5}}]}`)
	f.Add(`{"client":[{"permissions":{"a":"b","c":null,"d":[]},"concurrency":null}],"cache":{"fresh":[{"for":"1s"},{}]},"credential":[{"app_id":12}]}`)
	f.Add(`{"proxy":[],"tunnel":{"allow":{}},"x[0]":{}}`)
	f.Fuzz(func(t *testing.T, text string) {
		var tree map[string]any
		if json.Unmarshal([]byte(text), &tree) != nil {
			return
		}
		_, problems := decode(tree)
		if len(tree) == 0 && len(problems) > 0 {
			t.Error(problems)
		}
		NewSource("f", text, tree).Wrong(nil)
	})
}

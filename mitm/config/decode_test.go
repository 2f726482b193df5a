package config

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestEveryKeyIsRead(t *testing.T) {
	no := false
	got, problems := decode(map[string]any{
		"data_dir": "/data",
		"proxy":    map[string]any{"listen": "127.0.0.1:1"},
		"admin":    map[string]any{"listen": "127.0.0.1:2", "token": "env:A"},
		"ca":       map[string]any{"certificate": "file:c", "key": "file:k"},
		"cache":    map[string]any{"backend": "off", "ttl": "1h", "max_entry": "1KiB", "fresh_for": "5s"},
		"policy":   map[string]any{"anonymous": "reject", "unknown": "passthrough"},
		"tunnel":   map[string]any{"allow": []any{"a"}, "deny": []any{"b", "c"}, "ports": []any{int64(1), int64(2)}, "private": true},
		"github":   []map[string]any{{"host": "h", "git": false, "dial": "d", "ca_file": "f"}, {"host": "g"}},
		"credential": []map[string]any{
			{"name": "n", "pool": "p", "github": "g", "pat": "env:P", "owners": []any{"o"}},
		},
		// An inline table in a list is another way to write the same.
		"client": []any{map[string]any{"name": "n", "token_sha256": "s", "token": "t", "pool": "p", "scopes": []any{}}},
	})
	want := File{
		DataDir: "/data", Proxy: Proxy{"127.0.0.1:1"}, Admin: Admin{"127.0.0.1:2", "env:A"}, CA: CA{"file:c", "file:k"},
		Cache:  Cache{"off", Duration(time.Hour), 1 << 10, Duration(5 * time.Second)},
		Policy: Policy{"reject", "passthrough"}, Tunnel: Tunnel{[]string{"a"}, []string{"b", "c"}, []int{1, 2}, true},
		GitHub:     []GitHub{{"h", &no, "d", "f"}, {Host: "g"}},
		Credential: []Credential{{"n", "p", "g", "env:P", []string{"o"}}},
		Client:     []Client{{"n", "s", "t", "p", []string{}}},
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
		"cache":      map[string]any{"ttl": int64(30), "max_entry": int64(8)},
		"client":     map[string]any{"name": secret},
		"credential": []any{secret, map[string]any{"owners": secret, "nmae": secret}},
		"github":     []map[string]any{{"git": secret}, {"git": int64(1)}},
		"tunnel":     map[string]any{"ports": []any{"443", 4.5, int64(443)}, "allow": []any{true}, "private": secret},
	})
	want := []Problem{
		{"admin", "want one table"},
		{"cache.max_entry", "want text in quotes"},
		{"cache.ttl", "want text in quotes"},
		{"client", "want [[client]] with two brackets: there may be several"},
		{"credential[0]", "want one table"},
		{"credential[1].nmae", "unknown key; did you mean credential.name?"},
		{"credential[1].owners", "want a list, in [ ]"},
		{"data_dir", "want text in quotes"},
		{"github[0].git", "want true or false"},
		{"github[1].git", "want true or false"},
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

// FuzzDecode shows that no tree is too odd. JSON is a way to write one down.
func FuzzDecode(f *testing.F) {
	f.Add(`{"client":[{"name":"n","scopes":["a",1]},null],"cache":{"ttl":"1h"},"tunnel":{"ports":[1]},"github":[{"git":null}]}`)
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

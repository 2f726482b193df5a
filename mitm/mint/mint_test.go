package mint

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"octopool/policy"
	"octopool/policy/minted"
)

func open(t *testing.T, s Settings, file string) *Mint {
	t.Helper()
	m, err := New(s, file)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func settings(t *testing.T, dir string) Settings {
	t.Helper()
	key, err := OpenKey(filepath.Join(dir, "key"))
	if err != nil {
		t.Fatal(err)
	}
	return Settings{MaxTTL: time.Hour, Keys: []minted.Key{key}}
}

func rules(t *testing.T) *policy.Policy {
	t.Helper()
	p, err := policy.New(policy.Rules{Clients: []policy.Registration{{Name: "ci", Token: policy.DigestOf("t")}}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// why says what keeps a token from being ci's, "" if nothing does.
func why(m *Mint, p *policy.Policy, token string) string {
	proof, err := m.Verify(context.Background(), token, policy.DigestOf(token))
	if err == nil {
		_, err = p.IdentifyProof(proof, time.Now())
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// A revocation holds for an octopool that starts later; a file that is damaged keeps it from
// starting; and what was revoked is forgotten when the token has ended anyway.
func TestRevokedIsRemembered(t *testing.T) {
	dir, p := t.TempDir(), rules(t)
	s, file := settings(t, dir), filepath.Join(dir, "revoked")
	m := open(t, s, file)
	made, err := m.Issue(p, Order{Client: "ci"})
	if err != nil {
		t.Fatal(err)
	}
	if reason := why(m, p, made.Token); reason != "" {
		t.Fatal(reason)
	}
	if err := m.Revoke(made.ID); err != nil {
		t.Fatal(err)
	}
	again := open(t, s, file)
	for _, m := range []*Mint{m, again} {
		if reason := why(m, p, made.Token); !strings.Contains(reason, "revoked") {
			t.Errorf("after its revocation: %q", reason)
		}
	}
	later := func() time.Time { return time.Now().Add(Longest + time.Second) }
	again.now = later
	if err := again.Revoke(strings.Repeat("0", 32)); err != nil || again.Revoked() != 1 {
		t.Errorf("%d are remembered, and %v", again.Revoked(), err)
	}
	if err := os.WriteFile(file, []byte("what?\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(s, file); err == nil || !strings.Contains(err.Error(), "revoked:1: ") {
		t.Errorf("a damaged file: %v", err)
	}
}

// A change of settings holds for tokens that are in use: keys that are put aside, and off.
func TestSettingsHoldForTokensInUse(t *testing.T) {
	dir, p := t.TempDir(), rules(t)
	s := settings(t, dir)
	m := open(t, s, filepath.Join(dir, "revoked"))
	made, err := m.Issue(p, Order{Client: "ci"})
	if err != nil {
		t.Fatal(err)
	}
	other := settings(t, t.TempDir())
	for _, tt := range []struct {
		settings Settings
		why      string
	}{
		{s, ""}, {Settings{Keys: append(other.Keys, s.Keys...), MaxTTL: time.Hour}, ""}, {other, "a key that is not in use"},
		{Settings{Off: true, Keys: s.Keys}, "mint.enabled"}, {s, ""},
	} {
		m.Change(tt.settings)
		if reason := why(m, p, made.Token); (reason == "") != (tt.why == "") || !strings.Contains(reason, tt.why) {
			t.Errorf("%q, want %q", reason, tt.why)
		}
	}
}

// A client that asks for itself never gets what outlives what it asked with.
func TestAPartDoesNotOutlive(t *testing.T) {
	dir, p := t.TempDir(), rules(t)
	m := open(t, settings(t, dir), filepath.Join(dir, "revoked"))
	made, err := m.Issue(p, Order{Client: "ci", TTL: "1m"})
	if err != nil {
		t.Fatal(err)
	}
	proof, err := m.Verify(t.Context(), made.Token, policy.DigestOf(made.Token))
	if err != nil {
		t.Fatal(err)
	}
	caller, err := p.IdentifyProof(proof, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	part, err := m.Part(p, caller, policy.NewSecret(made.Token), Order{TTL: "1h"})
	if err != nil || part.Expires.After(made.Expires) {
		t.Errorf("%v ends after %v, and %v", part.Expires, made.Expires, err)
	}
	if err := m.Revoke(made.ID); err != nil || why(m, p, part.Token) == "" {
		t.Errorf("it outlives what it was made of; %v", err)
	}
}

// shelf is a ledger in memory.
type shelf struct {
	mu  sync.Mutex
	ids map[string]time.Time
}

func (s *shelf) Add(_ context.Context, ids map[string]time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.Copy(s.ids, ids)
	return nil
}

func (s *shelf) All(context.Context) (map[string]time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.ids), nil
}

// What one octopool revokes, the others refuse, and who starts later.
func TestRevokedIsShared(t *testing.T) {
	p, s := rules(t), settings(t, t.TempDir())
	one, two := open(t, s, t.TempDir()+"/revoked"), open(t, s, t.TempDir()+"/revoked")
	made, err := one.Issue(p, Order{Client: "ci"})
	if err != nil {
		t.Fatal(err)
	}
	if err := one.Revoke(made.ID); err != nil {
		t.Fatal(err)
	}
	l := &shelf{ids: map[string]time.Time{}}
	for _, m := range []*Mint{one, two} {
		if err := m.share(t.Context(), l); err != nil {
			t.Fatal(err)
		}
	}
	if reason := why(two, p, made.Token); !strings.Contains(reason, "revoked") {
		t.Errorf("the other takes it: %q", reason)
	}
}

// The key is made once, and one that others could read is not used.
func TestTheKey(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	a, err := OpenKey(file)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := OpenKey(file); err != nil || b.ID() != a.ID() {
		t.Errorf("%v, and another key", err)
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenKey(file); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("with mode 0644: %v", err)
	}
}

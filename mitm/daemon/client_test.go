package daemon

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"octopool/policy"
)

func TestTheFirstClientIsKeptOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state", "octopool")
	first, err := FirstClient(dir)
	if err != nil || first.Token.IsZero() {
		t.Fatalf("%+v, %v", first, err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Error("the client was kept before its octopool had started")
	}
	if err := first.Keep(); err != nil {
		t.Fatal(err)
	}
	again, err := FirstClient(dir)
	if err != nil || !again.Token.IsZero() || again.Registration.Token != first.Registration.Token {
		t.Errorf("another client the second time: %+v, %v", again, err)
	}
	if again.Registration.Token != policy.DigestOf(first.Token.Reveal()) {
		t.Error("what was kept is not the token's digest")
	}
	if err := again.Keep(); err != nil {
		t.Error(err)
	}
	for name, want := range map[string]os.FileMode{dir: 0o700, first.File(): 0o600} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v, want mode %o", name, info, err, want)
		}
	}
	text, err := os.ReadFile(first.File())
	if err != nil || strings.Contains(string(text), first.Token.Reveal()) {
		t.Errorf("%s, %v holds the token", text, err)
	}
}

func TestAFirstClientThatWasDamaged(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "client-default")
	if err := os.WriteFile(name, []byte("half a dig"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := FirstClient(dir); err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "remove the file") {
		t.Errorf("%v", err)
	}
}

func TestRegistrations(t *testing.T) {
	text, token, err := NewRegistration("ci", "ghs_", []string{"read  /repos/acme/{a,b}/**", "git:read acme/*"})
	if err != nil {
		t.Fatal(err)
	}
	want := "[[client]]\nname = \"ci\"\ntoken_sha256 = \"" + policy.DigestOf(token.Reveal()).String() + "\"\n" +
		"scopes = [\"read /repos/acme/{a,b}/**\", \"git:read acme/*\"]\n"
	if text != want {
		t.Errorf("%s\nwant\n%s", text, want)
	}
	if !strings.HasPrefix(token.Reveal(), "ghs_") {
		t.Error("the token has another prefix")
	}
	_, other, err := NewRegistration("ci", "ghs_", nil)
	if err != nil || other.Reveal() == token.Reveal() {
		t.Errorf("two clients have one token; %v", err)
	}
}

func TestRegistrationsThatCannotBe(t *testing.T) {
	for _, tt := range []struct{ name, prefix, scope, want string }{
		{"", "ghp_", "", "a client's name"},
		{"two words", "ghp_", "", "a client's name"},
		{"a\"b", "ghp_", "", "a client's name"},
		{"anonymous", "ghp_", "", "taken"},
		{"unregistered", "ghp_", "", "taken"},
		{"ci", "gh_", "", "no token begins with"},
		{"ci", "ghp_", "read repos/acme", "does not begin with a slash"},
	} {
		var scopes []string
		if tt.scope != "" {
			scopes = []string{tt.scope}
		}
		text, token, err := NewRegistration(tt.name, tt.prefix, scopes)
		if err == nil || !strings.Contains(err.Error(), tt.want) || text != "" || !token.IsZero() {
			t.Errorf("%+v: %q, %v", tt, text, err)
		}
	}
}

// TestWhoAProgramIs: nobody gets more than the configuration gives to the client that
// was named.
func TestWhoAProgramIs(t *testing.T) {
	clients := func(names ...string) (out []policy.Registration) {
		for _, n := range names {
			out = append(out, policy.Registration{Name: n, Pool: "of-" + n})
		}
		return out
	}
	for _, tt := range []struct {
		registered []policy.Registration
		named      string
		want       string
	}{
		{nil, "", "default"},
		{nil, "default", "default"},
		{clients("ci"), "", "ci"},
		{clients("ci"), "ci", "ci"},
		{clients("ci", "default"), "", "default"},
		{clients("ci", "ops"), "ops", "ops"},
	} {
		got, err := onlyClient(tt.registered, tt.named)
		if err != nil || got.Name != tt.want {
			t.Errorf("%v, --client %q: %v, %v, want %s", tt.registered, tt.named, got.Name, err, tt.want)
		}
	}
	for _, tt := range []struct {
		registered []policy.Registration
		named      string
		want       string
	}{
		{nil, "ci", `no client "ci"; name one with --client: default`},
		{clients("ci"), "default", `no client "default"; name one with --client: ci`},
		{clients("ci", "ops"), "", `no client "default"; name one with --client: ci, ops`},
	} {
		if _, err := onlyClient(tt.registered, tt.named); err == nil || err.Error() != tt.want {
			t.Errorf("%v, --client %q: %v, want %s", tt.registered, tt.named, err, tt.want)
		}
	}
}

// TestASessionsTokenIsItsOwn: neither the registered token of its client nor another
// client is let in while a program runs.
func TestASessionsTokenIsItsOwn(t *testing.T) {
	s := settings(t, gitHub(t))
	s.Rules.Clients = append(s.Rules.Clients, policy.Registration{Name: "ops", Pool: "default", Token: policy.DigestOf("ops-token")})
	s.Rules.Anonymous = "client:ops"
	session, err := ForProgram(s, "ci", "", quiet())
	if err != nil {
		t.Fatal(err)
	}
	defer session.stop()
	c := client(t, session.where)
	for token, want := range map[string]int{
		session.token.Reveal(): 200,
		"client-token":         401,
		"ops-token":            401,
		"":                     401, // ops is not here to stand for it
	} {
		if status, body := get(t, c, "https://api.github.com/user", token); status != want {
			t.Errorf("%d %s, want %d", status, body, want)
		}
	}
	c.CloseIdleConnections()
}

func TestNoSessionWithoutOctopool(t *testing.T) {
	p := places(t, "github.com")
	p.ProxyListen = "127.0.0.1:1"
	if _, err := Running(p, policy.NewSecret("x"), ""); err == nil || !strings.Contains(err.Error(), "octopool serve") {
		t.Errorf("%v", err)
	}
}

package mitm_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"octopool/mitm"
	"octopool/mitm/mint"
	"octopool/policy"
	"octopool/policy/minted"
)

// withMint has the proxy mint tokens for an hour at most.
func withMint(t testing.TB) option {
	t.Helper()
	key, err := minted.NewKey(policy.NewSecret(strings.Repeat("0123456789abcdef", 4)))
	if err != nil {
		t.Fatal(err)
	}
	m, err := mint.New(mint.Settings{MaxTTL: time.Hour, Keys: []minted.Key{key}}, t.TempDir()+"/revoked")
	if err != nil {
		t.Fatal(err)
	}
	return withConfig(func(c *mitm.Config) { c.Mint = m })
}

func (s *setup) mint(o mint.Order) mint.Token {
	s.t.Helper()
	made, err := s.proxy.MintFor(o)
	if err != nil {
		s.t.Fatal(err)
	}
	return made
}

// TestAMintedTokenOpensItsPart of what its client may, and is refused the rest before
// GitHub hears of it. Revoked, it is refused on the connection that it was used on.
func TestAMintedTokenOpensItsPart(t *testing.T) {
	s := start(t, withMint(t), withScopes("read /repos/acme/**"))
	made := s.mint(mint.Order{Client: "ci", Scopes: []string{"read /repos/acme/web/**", "write /repos/acme/web/**"}})
	child, err := minted.Narrow(policy.NewSecret(made.Token), minted.Narrowing{Repositories: []string{"acme/api"}})
	if err != nil {
		t.Fatal(err)
	}
	clients := map[string]*http.Client{} // each keeps its connection
	status := func(method, path, token string) int {
		t.Helper()
		if clients[token] == nil {
			clients[token] = s.client(token)
		}
		r, err := http.NewRequest(method, "https://api.github.com"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := clients[token].Do(r)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		return resp.StatusCode
	}
	want := func(want int, method, path, token string) {
		t.Helper()
		if is := status(method, path, token); is != want {
			t.Errorf("%s %s: %d, want %d", method, path, is, want)
		}
	}
	want(200, "GET", "/repos/acme/web", made.Token)
	if log := s.log.String(); !strings.Contains(log, made.ID) {
		t.Error("the log does not tell the token's id")
	}
	before := len(s.github.Seen())
	want(403, "GET", "/repos/acme/api", made.Token)           // its client may
	want(403, "POST", "/repos/acme/web/issues", made.Token)   // it names this, its client does not
	want(403, "GET", "/repos/acme/web", child.Token.Reveal()) // apart
	want(403, "GET", "/repos/acme/api", child.Token.Reveal()) // what it was made from may not
	want(401, "GET", "/repos/acme/web", made.Token[:len(made.Token)-2]+"AA")
	want(401, "GET", "/repos/acme/web", made.Token+strings.Repeat("A", 2000))
	if err := s.proxy.Revoke(made.ID); err != nil {
		t.Fatal(err)
	}
	want(401, "GET", "/repos/acme/web", made.Token)
	want(401, "GET", "/repos/acme/api", child.Token.Reveal()) // with what it was made from
	want(200, "GET", "/repos/acme/web", ciToken)
	if after := len(s.github.Seen()); after != before+1 {
		t.Errorf("GitHub saw %d requests of those refused", after-before-1)
	}
	if log := s.log.String(); !strings.Contains(log, "it was revoked") || strings.Contains(log, made.Token) {
		t.Error("the log does not say why, or holds the token")
	}
}

// TestAnAllowanceOfAToken is counted besides its client's, for all that were narrowed from
// it together, and a request beyond it does not reach GitHub.
func TestAnAllowanceOfAToken(t *testing.T) {
	s := start(t, withMint(t))
	made := s.mint(mint.Order{Client: "ci", PointsPerHour: 1})
	if status, _ := got(t, s, "https://api.github.com/repos/acme/web", made.Token); status != 200 {
		t.Fatal(status)
	}
	child, _ := minted.Narrow(policy.NewSecret(made.Token), minted.Narrowing{PointsPerHour: 100})
	before := len(s.github.Seen())
	for _, token := range []string{made.Token, child.Token.Reveal()} {
		status, body := got(t, s, "https://api.github.com/repos/acme/api", token)
		if status != 403 || !strings.Contains(body, "API rate limit exceeded for client ci") {
			t.Errorf("%d %s", status, body)
		}
	}
	if after := len(s.github.Seen()); after != before {
		t.Errorf("GitHub saw %d requests beyond the allowance", after-before)
	}
	if status, _ := got(t, s, "https://api.github.com/repos/acme/api", ciToken); status != 200 {
		t.Errorf("its client is refused too: %d", status)
	}
}

func got(t *testing.T, s *setup, url, token string) (int, string) {
	t.Helper()
	resp, err := s.client(token).Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// TestMintIsBounded: no client but one that there is, and no longer than may be.
func TestMintIsBounded(t *testing.T) {
	s := start(t, withMint(t))
	for _, o := range []mint.Order{
		{Client: "nobody"}, {Client: "ci", TTL: "2h"}, {Client: "ci", TTL: "-1h"}, {Client: "ci", TTL: "soon"},
		{Client: "ci", Scopes: []string{"everything"}}, {Client: "ci", Repositories: []string{"acme/*"}}, {Client: "ci", PointsPerHour: -1},
	} {
		if made, err := s.proxy.MintFor(o); err == nil {
			t.Errorf("%+v makes %s", o, made.ID)
		} else if _, ok := errors.AsType[*mint.Refusal](err); !ok {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// BenchmarkMintedFirst verifies a token that was never seen, BenchmarkMintedAgain one
// that was.
func BenchmarkMintedFirst(b *testing.B) { benchmarkMinted(b, true) }
func BenchmarkMintedAgain(b *testing.B) { benchmarkMinted(b, false) }

func benchmarkMinted(b *testing.B, first bool) {
	s := start(b, withMint(b))
	rules, _ := policy.New(policy.Rules{Clients: []policy.Registration{{Name: "ci", Token: policy.DigestOf(ciToken)}}})
	token := s.mint(mint.Order{Client: "ci", Scopes: []string{"read /repos/acme/**", "git:read acme/*"}, Repositories: []string{"acme/web"}}).Token
	for b.Loop() {
		v := s.proxy.Mint
		if first {
			b.StopTimer()
			v, _ = mint.New(v.Settings(), b.TempDir()+"/revoked")
			b.StartTimer()
		}
		proof, err := v.Verify(context.Background(), token, policy.DigestOf(token))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := rules.IdentifyProof(proof, time.Now()); err != nil {
			b.Fatal(err)
		}
	}
}

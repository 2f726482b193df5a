package oidc

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"octopool/mitm/githubtest"
	"octopool/policy"
)

// A world is a verifier of one issuer's tokens, by a clock that the test moves.
type world struct {
	*githubtest.Issuer
	*Verifier
	t   *testing.T
	now time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	i := githubtest.NewIssuer()
	t.Cleanup(i.Close)
	i.Lasting(24 * time.Hour)
	w := &world{i, New([]Issuer{{i.URL(), i.Roots()}}), t, time.Now()}
	w.Verifier.now = func() time.Time { return w.now }
	return w
}

// verify says what comes of a token, "" for good.
func (w *world) verify(token string) string {
	if _, err := w.Verify(w.t.Context(), token, policy.DigestOf(token)); err != nil {
		return err.Error()
	}
	return ""
}

func (w *world) want(token, reason string) {
	w.t.Helper()
	if got := w.verify(token); reason == "" && got != "" || !strings.Contains(got, reason) {
		w.t.Errorf("%q, want %q", got, reason)
	}
}

// A key that the issuer has made since is found, but not by asking it all the time.
func TestKeysRotate(t *testing.T) {
	w := newWorld(t)
	w.want(w.Token("a", nil), "")
	w.Rotate("ES256")
	w.want(w.Token("a", nil), "has no key") // it was asked a moment ago
	w.now = w.now.Add(restAfter)
	w.want(w.Token("a", nil), "")
	if n := w.Asked(githubtest.IssuerKeys); n != 2 {
		t.Errorf("the issuer was asked %d times", n)
	}
	for n := range 100 { // a stranger
		w.want(w.Sign(map[string]any{"kid": strings.Repeat("x", n+1)}, []byte(`{"iss":"`+w.URL()+`","aud":"a","exp":9999999999}`)), "has no key")
	}
	if n := w.Asked(githubtest.IssuerKeys); n != 2 {
		t.Errorf("a stranger made it %d times", n)
	}
}

// What is known goes on while the issuer is down, and nothing else; the metrics tell.
func TestAnIssuerThatIsDown(t *testing.T) {
	w := newWorld(t)
	w.Down(true)
	w.want(w.Token("a", nil), "could not be asked")
	w.Down(false)
	w.now = w.now.Add(restAfter)
	w.want(w.Token("a", nil), "")
	w.Down(true)
	w.now = w.now.Add(2 * renewAfter)
	w.want(w.Token("a", nil), "")
	w.Rotate("RS256")
	w.settle()
	w.want(w.Token("a", nil), "could not be asked")
	var text strings.Builder
	w.WriteMetrics(&text)
	for _, line := range []string{
		`octopool_oidc_key_fetches_total{issuer="` + w.URL() + `",result="failed"} 2`,
		`octopool_oidc_key_fetches_total{issuer="` + w.URL() + `",result="ok"} 1`,
		`octopool_oidc_keys_age_seconds{issuer="` + w.URL() + `"} 7200`,
		`octopool_oidc_tokens_total{issuer="` + w.URL() + `",result="verified"} 2`,
		`octopool_oidc_tokens_total{issuer="` + w.URL() + `",result="refused"} 2`,
	} {
		if !strings.Contains(text.String(), line) {
			t.Errorf("no %s in\n%s", line, text.String())
		}
	}
}

// settle waits for a question that is under way.
func (w *world) settle() {
	k := w.issuers[w.URL()].keys
	k.mu.Lock()
	asking := k.asking
	k.mu.Unlock()
	if asking != nil {
		<-asking
	}
}

// A key that the issuer has taken back is none an hour later.
func TestAKeyThatWasTakenBack(t *testing.T) {
	w := newWorld(t)
	old, later := w.Token("a", nil), w.Token("a", nil)
	w.want(old, "")
	w.Rotate("RS256")
	w.Forget()
	w.now = w.now.Add(renewAfter)
	w.verify(later) // has it asked
	w.settle()
	w.want(w.Sign(map[string]any{"kid": "key-1"}, []byte(`{"iss":"`+w.URL()+`","aud":"a","exp":9999999999}`)), "has no key")
}

// Any number of strangers and jobs wait for one question.
func TestAllWaitForOneQuestion(t *testing.T) {
	w := newWorld(t)
	release := w.Hold()
	var all sync.WaitGroup
	for range 50 {
		token := w.Token("a", nil)
		all.Go(func() {
			if got := w.verify(token); got != "" {
				t.Error(got)
			}
		})
	}
	release()
	all.Wait()
	if n := w.Asked(githubtest.IssuerKeys); n != 1 {
		t.Errorf("the issuer was asked %d times", n)
	}
}

// Of a key set, what cannot sign for the issuer is left out: secrets, keys for encryption,
// what has no name, and what cannot be read.
func TestKeysThatAreNone(t *testing.T) {
	w := newWorld(t)
	w.Publish(func(keys []map[string]any) any {
		return map[string]any{"keys": append([]map[string]any{
			{"kty": "oct", "kid": "key-1", "k": "c2VjcmV0"}, {"kty": "new", "kid": "key-1"}, {"kty": "RSA", "kid": "key-1", "n": "!", "e": "AQAB"},
		}, keys...)}
	})
	w.want(w.Token("a", nil), "")

	w = newWorld(t)
	w.Publish(func(keys []map[string]any) any {
		keys[0]["use"] = "enc"
		return map[string]any{"keys": keys}
	})
	w.want(w.Token("a", nil), "no key that can be used")

	w = newWorld(t)
	w.Publish(func([]map[string]any) any { return strings.Repeat("x", maxBody) })
	w.want(w.Token("a", nil), errLong.Error())
}

// No host but the issuer's own is asked, and not in clear.
func TestOnlyTheIssuersHostIsAsked(t *testing.T) {
	w := newWorld(t)
	client := w.issuers[w.URL()].keys.client
	for _, url := range []string{"https://evil.example/keys", strings.Replace(w.URL(), "https", "http", 1) + githubtest.IssuerKeys, w.URL() + "0/"} {
		if resp, err := client.Get(url); err == nil || !strings.Contains(err.Error(), "not on the host of its issuer") {
			t.Errorf("%s: %v, %v", url, resp, err)
		}
	}
}

// Of remembered tokens there are so many and no more.
func TestMemoryIsBounded(t *testing.T) {
	w := newWorld(t)
	from := w.issuers[w.URL()]
	for n := range maxProven + 10 {
		w.remember(from, policy.Digest{byte(n), byte(n >> 8), 1}, policy.NewClaims("", nil, nil, w.now.Add(time.Hour)))
	}
	if n := len(w.proven); n > maxProven {
		t.Error(n)
	}
}

// Whatever a token looks like, it is read without a panic, and one that is read has no two
// members of one name in it.
func FuzzRead(f *testing.F) {
	i := githubtest.NewIssuer()
	f.Cleanup(i.Close)
	f.Add(i.Token("octopool", nil))
	for _, payload := range []string{`{}`, `{"iss":"a","aud":["b"],"exp":1}`, `{"iss":"a","ISS":"b","aud":"b","exp":1e9}`, `{"a":{"b":[{"c":1,"c":2}]}}`, `[]`, `null`, ``, `{"\u017fub":1,"sub":2}`} {
		f.Add(i.Sign(nil, []byte(payload)))
		f.Add(i.SignRaw(payload, []byte(payload)))
	}
	f.Fuzz(func(t *testing.T, token string) {
		u, err := read(token)
		if err != nil {
			if len(token) > 100 && strings.Contains(err.Error(), token) {
				t.Error("the error repeats the token")
			}
			return
		}
		if u.kid == "" || u.issuer == "" || len(u.audience) == 0 || u.expires.IsZero() {
			t.Errorf("%+v", u)
		}
		names := map[string]bool{}
		for name := range u.claims {
			if names[strings.ToLower(name)] {
				t.Errorf("two members %q", name)
			}
			names[strings.ToLower(name)] = true
		}
		u.values()
		if errors.Is(u.current(time.Now()), nil) && !time.Now().Before(u.expires) {
			t.Error("it has expired")
		}
	})
}

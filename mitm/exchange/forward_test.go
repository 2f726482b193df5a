package exchange

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"octopool/policy/pool"
)

// A write goes to GitHub as the client made it, but for who makes it.
func TestAWriteIsForwarded(t *testing.T) {
	w := newWorld(t)
	a, err := w.ask(ci, http.MethodPost, "/repos/acme/web/issues", `{"title":"new"}`,
		"Content-Type", "application/json", "User-Agent", "tool/1", "Accept", "application/vnd.github+json", "X-Github-Api-Version", "2022-11-28",
		"Authorization", "token "+ci, "Cookie", "c=1", "Connection", "X-Private", "X-Private", "1", "X-Forwarded-For", "10.0.0.1", "X-Http-Method-Override", "DELETE")
	if err != nil || a.Status != http.StatusCreated || a.Outcome != Forwarded || a.Credential != "bot" || a.Spent != 1 {
		t.Fatalf("got %v, %+v", err, a.Answer)
	}
	s := w.last()
	if string(s.Body) != `{"title":"new"}` || s.Header.Get("User-Agent") != "tool/1" || s.Header.Get("X-Github-Api-Version") != "2022-11-28" {
		t.Errorf("GitHub saw %s %v", s.Body, s.Header)
	}
	if got := s.Header["Authorization"]; len(got) != 1 || got[0] != "Bearer ghp_bot" {
		t.Errorf("Authorization %v", got)
	}
	for _, name := range []string{"Cookie", "X-Private", "X-Forwarded-For", "X-Http-Method-Override", "Connection"} {
		if s.Header.Get(name) != "" {
			t.Errorf("GitHub saw %s: %s", name, s.Header.Get(name))
		}
	}
	if found := w.github.Contains(ci); found != nil {
		t.Errorf("the client's token reached GitHub: %v", found)
	}
}

// What GitHub did not execute is sent again, body and all, with another credential.
func TestARefusedWriteIsSentAgain(t *testing.T) {
	w := newWorld(t)
	w.github.SetBudget("octo-bot", "core", 5000, 5000, time.Time{})
	w.github.Grant("hubot", "acme/web")
	written := 0
	for range 6 { // whichever credential this client's writes belong to
		a, err := w.ask(both, http.MethodPost, "/repos/acme/web/issues", `{"title":"again"}`)
		if err != nil || a.Status != http.StatusCreated || a.Credential != "hub-too" {
			t.Fatalf("%v, %+v", err, a.Answer)
		}
		written++
	}
	created := 0
	for _, s := range w.github.Seen() {
		if string(s.Body) != `{"title":"again"}` {
			t.Errorf("GitHub saw the body %q", s.Body)
		}
		if s.Status == http.StatusCreated {
			created++
		}
	}
	if created != written {
		t.Errorf("%d writes became %d issues", written, created)
	}
}

// A body that streams cannot be sent twice: the client is told to.
func TestAStreamedBodyIsNotSentAgain(t *testing.T) {
	w := newWorld(t)
	after := 5 * time.Second
	w.github.Secondary("octo-bot", &after, http.StatusForbidden)
	w.github.Secondary("hubot", &after, http.StatusForbidden)
	in := request(t, http.MethodPost, "/repos/acme/web/issues", "")
	in.Body, in.ContentLength = io.NopCloser(strings.NewReader(`{"title":"streamed"}`)), -1
	_, err := w.x.Do(t.Context(), w.grant(both, in), in)
	if _, ok := errors.AsType[*pool.Cooling](err); !ok {
		t.Errorf("error %v", err)
	}
	if n := len(w.github.Seen()); n != 1 {
		t.Errorf("sent %d times", n)
	}
}

// A client that leaves in the middle of its body has written nothing.
func TestATruncatedBodyIsNotSent(t *testing.T) {
	w := newWorld(t)
	in := request(t, http.MethodPost, "/repos/acme/web/issues", "")
	in.Body, in.ContentLength = io.NopCloser(strings.NewReader(`{"ti`)), 100
	_, err := w.x.Do(t.Context(), w.grant(ci, in), in)
	if _, ok := errors.AsType[*Truncated](err); !ok {
		t.Errorf("error %v", err)
	}
	if n := len(w.github.Seen()); n != 0 {
		t.Errorf("sent %d times", n)
	}
}

// A client's writes have one author, and so do the pages that speak of a user.
func TestWritesAndIdentityStayWithOneCredential(t *testing.T) {
	w := newWorld(t)
	w.github.Grant("hubot", "acme/web")
	author := ""
	for range 5 {
		a, err := w.ask(both, http.MethodPost, "/repos/acme/web/issues", `{"title":"mine"}`)
		if err != nil {
			t.Fatal(err)
		}
		me := w.get(both, "/user")
		if author == "" {
			author = a.Credential
		}
		if a.Credential != author || me.Credential != author {
			t.Errorf("written by %s, user of %s, at first by %s", a.Credential, me.Credential, author)
		}
	}
}

// An anonymous request goes bare, an unregistered token goes as it came where the policy
// lets it; neither is stored, and GitHub's answer keeps its own rate limits.
func TestWhoPassesThroughGetsGitHubsOwnAnswer(t *testing.T) {
	w := newWorld(t)
	for range 2 {
		a := w.get("", labels)
		if a.Outcome != Forwarded || a.Credential != "" || a.Header.Get("X-Ratelimit-Limit") != "60" {
			t.Errorf("anonymous: %s by %q, limit %s", a.Outcome, a.Credential, a.Header.Get("X-Ratelimit-Limit"))
		}
		if got, there := w.last().Header["Authorization"]; there {
			t.Errorf("anonymous: GitHub saw %v", got)
		}
	}
	const own = "ghp_0123456789abcdefghijklmnopqrstuvwxyz"
	w.github.AddUser("hubot", own)
	in := request(t, http.MethodGet, "/user", "", "Authorization", "token "+own)
	a, err := w.x.Do(t.Context(), w.grant(own, in), in)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	if got := w.last().Header.Get("Authorization"); got != "token "+own || a.Outcome != Forwarded {
		t.Errorf("own token: GitHub saw %q, %s", got, a.Outcome)
	}
	if n := w.x.Store.Stats().Entries; n != 0 {
		t.Errorf("%d stored", n)
	}
}

// GitHub that gives no answer is one error, and the point comes back.
func TestAnUnreachableGitHub(t *testing.T) {
	w := newWorld(t)
	w.get(ci, labels) // the budget is known now
	before := w.x.Pools.Budget(pool.Want{GitHub: "github.com", Pool: "default", Resource: "core"})
	w.x.Upstream = unreachable{}
	_, err := w.ask(ci, http.MethodGet, labels, "")
	gone, ok := errors.AsType[*Unreachable](err)
	if !ok || gone.Host != "api.github.com" || !errors.Is(err, errUnplugged) {
		t.Errorf("error %v", err)
	}
	if after := w.x.Pools.Budget(pool.Want{GitHub: "github.com", Pool: "default", Resource: "core"}); after.Remaining != before.Remaining {
		t.Errorf("%d points are still reserved", before.Remaining-after.Remaining)
	}
}

var errUnplugged = errors.New("unplugged")

type unreachable struct{}

func (unreachable) RoundTrip(*http.Request) (*http.Response, error) { return nil, errUnplugged }

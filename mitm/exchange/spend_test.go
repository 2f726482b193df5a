package exchange

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"octopool/policy/pool"
)

// A spent credential is passed over for one that has budget left, and the client does
// not notice.
func TestASpentCredentialIsPassedOver(t *testing.T) {
	w := newWorld(t)
	reset := time.Now().Add(30 * time.Minute).Truncate(time.Second)
	w.github.SetBudget("octo-bot", "core", 5000, 5000, reset)
	w.github.SetBudget("hubot", "core", 5000, 10, reset)
	for i := range 4 {
		a := w.get(both, fmt.Sprintf("/repos/acme/web/issues?page=%d", i))
		if a.Status != http.StatusOK || a.Credential != "hub-too" {
			t.Errorf("request %d: %d by %s", i, a.Status, a.Credential)
		}
	}
	refused := 0
	for _, s := range w.github.Seen() {
		if s.Status == http.StatusForbidden {
			refused++
		}
	}
	if refused > 1 {
		t.Errorf("GitHub refused %d requests of a spent credential; one is enough to know", refused)
	}
}

// When all are spent, the answer is the pool's own and true, and GitHub is left alone.
func TestAnExhaustedPoolSaysUntilWhen(t *testing.T) {
	w := newWorld(t)
	soon, late := time.Now().Add(10*time.Minute).Truncate(time.Second), time.Now().Add(40*time.Minute).Truncate(time.Second)
	w.github.SetBudget("octo-bot", "core", 5000, 5000, late)
	w.github.SetBudget("hubot", "core", 5000, 4999, soon)
	w.get(both, labels)
	_, err := w.ask(both, http.MethodGet, "/repos/acme/web/issues", "")
	spent, ok := errors.AsType[*pool.Exhausted](err)
	if !ok {
		t.Fatalf("error %v", err)
	}
	if !spent.Budget.Reset.Equal(soon) || spent.Budget.Limit != 10000 || spent.Budget.Remaining != 0 || spent.Resource != "core" {
		t.Errorf("budget %+v of %s", spent.Budget, spent.Resource)
	}
	asked := len(w.github.Seen())
	for range 3 {
		w.ask(both, http.MethodGet, "/repos/acme/web/issues", "")
	}
	if n := len(w.github.Seen()) - asked; n != 0 {
		t.Errorf("GitHub was asked %d times more", n)
	}
}

// A 304 is free, but with nothing left GitHub does not answer 304 either: what cannot
// be confirmed is not served.
func TestAnExhaustedPoolServesNothingOld(t *testing.T) {
	w := newWorld(t)
	w.get(ci, labels)
	w.github.SetBudget("octo-bot", "core", 5000, 5000, time.Time{})
	for range 2 {
		if a, err := w.ask(ci, http.MethodGet, "/repos/acme/web/issues", ""); err == nil {
			t.Errorf("got %d", a.Status)
		}
	}
}

// GraphQL tells of a spent budget in a 200. It was not executed, so another credential
// is asked.
func TestASpentGraphQLBudgetIsSeenInItsBody(t *testing.T) {
	w := newWorld(t)
	w.github.SetBudget("octo-bot", "graphql", 5000, 5000, time.Time{})
	w.github.SetBudget("hubot", "graphql", 5000, 5000, time.Time{})
	const query = `{"query":"{viewer{login}}"}`
	if _, err := w.ask(both, http.MethodPost, "/graphql", query); !isExhausted(err) {
		t.Errorf("both spent: %v", err)
	}
	w = newWorld(t)
	w.github.SetBudget("octo-bot", "graphql", 5000, 5000, time.Time{})
	for range 3 {
		a, err := w.ask(both, http.MethodPost, "/graphql", query)
		if err != nil || !strings.Contains(a.body, `"hubot"`) {
			t.Errorf("one spent: %v, %s", err, a.body)
		}
	}
	// The last point is an answer all the same.
	w = newWorld(t)
	w.github.SetBudget("octo-bot", "graphql", 5000, 4999, time.Time{})
	if a, err := w.ask(ci, http.MethodPost, "/graphql", query); err != nil || !strings.Contains(a.body, `"octo-bot"`) {
		t.Errorf("the last point: %v, %s", err, a.body)
	}
}

func isExhausted(err error) bool {
	_, ok := errors.AsType[*pool.Exhausted](err)
	return ok
}

// A secondary limit, with and without Retry-After, sends the request elsewhere and
// leaves the credential alone.
func TestASecondaryLimitIsKept(t *testing.T) {
	short := 20 * time.Second
	for _, status := range []int{http.StatusForbidden, http.StatusTooManyRequests} {
		for _, after := range []*time.Duration{&short, nil} {
			w := newWorld(t)
			w.github.Secondary("octo-bot", after, status)
			w.github.Secondary("hubot", nil, 0)
			for i := range 3 {
				if a := w.get(both, fmt.Sprintf("/repos/acme/web/issues?page=%d", i)); a.Status != http.StatusOK || a.Credential != "hub-too" {
					t.Errorf("%d: %d by %s", status, a.Status, a.Credential)
				}
			}
			_, err := w.ask(ci, http.MethodGet, labels, "")
			cooling, ok := errors.AsType[*pool.Cooling](err)
			if !ok {
				t.Fatalf("%d: error %v", status, err)
			}
			want := time.Minute
			if after != nil {
				want = *after
			}
			if left := time.Until(cooling.Until); left > want || left < want-5*time.Second {
				t.Errorf("%d: silent for %s, want %s", status, left, want)
			}
		}
	}
}

// A token that GitHub does not know any more is presented once and not again, whatever
// credentials have it: more bad logins would lock its account out.
func TestARevokedCredentialIsTriedOnce(t *testing.T) {
	w := newWorld(t)
	w.github.Revoke("ghp_bot")
	for i := range 4 {
		if a := w.get(both, fmt.Sprintf("/repos/acme/web/issues?page=%d", i)); a.Credential != "hub-too" {
			t.Errorf("answered by %s", a.Credential)
		}
	}
	if _, err := w.ask(ci, http.MethodGet, labels, ""); !isOutOfService(err) {
		t.Errorf("alone: %v", err)
	}
	bad := 0
	for _, s := range w.github.Seen() {
		if s.Status == http.StatusUnauthorized {
			bad++
		}
	}
	if bad != 1 { // "bot" and "bot-too" are two credentials of one token
		t.Errorf("GitHub saw %d bad logins, want one", bad)
	}
}

func isOutOfService(err error) bool {
	_, ok := errors.AsType[*pool.OutOfService](err)
	return ok
}

// A 403 that is about permission is the client's answer and no limit.
func TestAForbiddenThingIsNoLimit(t *testing.T) {
	w := newWorld(t)
	w.github.Intercept(func(rw http.ResponseWriter, r *http.Request) bool {
		h := rw.Header()
		h.Set("Content-Type", "application/json; charset=utf-8")
		for name, value := range map[string]string{"Limit": "5000", "Remaining": "4000", "Used": "1000", "Resource": "core", "Reset": fmt.Sprint(time.Now().Add(time.Hour).Unix())} {
			h.Set("X-Ratelimit-"+name, value)
		}
		rw.WriteHeader(http.StatusForbidden)
		rw.Write([]byte(`{"message":"Resource not accessible by personal access token"}`))
		return true
	})
	for range 2 {
		a := w.get(both, labels)
		if a.Status != http.StatusForbidden || !strings.Contains(a.body, "not accessible") || a.Header.Get("X-Ratelimit-Remaining") == "0" {
			t.Errorf("got %d %s", a.Status, a.body)
		}
	}
	if n := len(w.github.Seen()); n != 2 {
		t.Errorf("GitHub was asked %d times", n)
	}
}

// What went to GitHub is told, whoever paid for it.
func TestEveryRequestToGitHubIsTold(t *testing.T) {
	w := newWorld(t)
	w.get(ci, labels)
	w.get(ops, labels)
	w.get("", labels)
	var got []string
	for _, s := range w.sent {
		got = append(got, fmt.Sprintf("%s %s %s %d", s.Kind, s.Credential, s.Resource, s.Status))
	}
	want := "rest bot core 200, rest bot core 304, rest   200"
	if text := strings.Join(got, ", "); text != want {
		t.Errorf("told: %s\nwant: %s", text, want)
	}
}

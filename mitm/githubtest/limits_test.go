package githubtest

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// bubble is the usual App world without sockets, for a synctest bubble.
func bubble(t *testing.T) (*Server, *Installation) {
	t.Helper()
	s, _, in := startApp(t, WithoutListener())
	return s, in
}

// Each limit refuses what goes beyond it within any minute or hour, for one principal,
// and then all of its requests, or its creations, for a minute.
func TestSecondaryLimitsAreEnforced(t *testing.T) {
	const (
		query    = `{"query":"{viewer{login}}"}`
		mutation = `{"query":"mutation M{addComment(input:{subjectId:\"x\",body:\"y\"}){subject{id}}} query Q{viewer{login}}","operationName":"M"}`
		issue    = `{"title":"x"}`
	)
	for _, tt := range []struct {
		name               string
		limits             Limits
		method, path, body string
		fits               int  // so many are answered at once
		creation           bool // and reading goes on
	}{
		{"reads", Limits{PointsPerMinute: 20}, "GET", "/repos/acme/web", "", 20, false},
		{"writes", Limits{PointsPerMinute: 20}, "POST", "/repos/acme/web/issues", issue, 4, false},
		{"edits", Limits{PointsPerMinute: 20}, "PATCH", "/repos/acme/web/issues/1", issue, 4, false},
		{"queries", Limits{GraphQLPointsPerMinute: 20}, "POST", "/graphql", query, 20, false},
		{"mutations", Limits{GraphQLPointsPerMinute: 20}, "POST", "/graphql", mutation, 4, false},
		{"a query beside a mutation", Limits{GraphQLPointsPerMinute: 20}, "POST", "/graphql", strings.Replace(mutation, `e":"M"`, `e":"Q"`, 1), 20, false},
		{"creations a minute", Limits{CreationsPerMinute: 3}, "POST", "/repos/acme/web/issues", issue, 3, true},
		{"mutations create", Limits{CreationsPerMinute: 3}, "POST", "/graphql", mutation, 3, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, in := bubble(t)
			s.AddIssue("acme/web", "One")
			s.EnforceLimits(tt.limits)
			token := in.Mint()
			send := func() exchange {
				return ask(t, s, tt.method, "https://api.github.com"+tt.path, tt.body, as(token)...)
			}
			for n := range tt.fits {
				if got := send(); got.StatusCode >= 400 {
					t.Fatalf("%s: %d after %d: %s", tt.name, got.StatusCode, n, got.body)
				}
			}
			if s.SecondaryRefusals() != 0 {
				t.Fatalf("%s: refused already", tt.name)
			}
			time.Sleep(time.Minute - time.Second)
			got := send()
			m := messageOf(t, got)
			words := secondaryText
			if tt.creation {
				words = creationText
			}
			if got.StatusCode != 403 || !strings.HasPrefix(m.Message, words) || m.Doc != docSecondary || got.Header.Get("Retry-After") != "60" || got.Header.Get("X-Ratelimit-Remaining") == "0" {
				t.Errorf("%s: %d %s %v", tt.name, got.StatusCode, got.body, got.Header)
			}
			time.Sleep(59 * time.Second)
			if got := send(); got.StatusCode != 403 || got.Header.Get("Retry-After") != "1" {
				t.Errorf("%s, a minute later less a second: %d %v", tt.name, got.StatusCode, got.Header)
			}
			if read := get(t, s, "/repos/acme/web", as(token)...); (read.StatusCode == 200) != tt.creation {
				t.Errorf("%s: reading: %d", tt.name, read.StatusCode)
			}
			if other := get(t, s, "/repos/acme/web", "Authorization", asBot); other.StatusCode != 200 {
				t.Errorf("%s: another principal: %d", tt.name, other.StatusCode)
			}
			time.Sleep(time.Second)
			if got := send(); got.StatusCode >= 400 {
				t.Errorf("%s, a minute later: %d %s", tt.name, got.StatusCode, got.body)
			}
			if refused := s.SecondaryRefusals(); refused < 2 || s.Statuses()[403] != refused {
				t.Errorf("%s: %d refusals, %v", tt.name, refused, s.Statuses())
			}
		})
	}
}

// What edits or removes creates nothing, nor does minting a token.
func TestEditsAreNoCreations(t *testing.T) {
	s, app, in := startApp(t)
	s.AddIssue("acme/web", "One")
	s.EnforceLimits(Limits{CreationsPerMinute: 1})
	for range 3 {
		ask(t, s, "PATCH", "https://api.github.com/repos/acme/web/issues/1", `{"title":"x"}`, as(in.Mint())...)
		ask(t, s, "DELETE", "https://api.github.com/installation/token", "", as(in.Mint())...)
		mint(t, s, app, in, "{}")
	}
	if s.SecondaryRefusals() != 0 || s.Statuses()[200] != 3 || s.Statuses()[204] != 3 || s.Statuses()[201] != 3 {
		t.Errorf("%d refused, %v", s.SecondaryRefusals(), s.Statuses())
	}
}

// An hour's creations are counted over any hour.
func TestCreationsPerHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, in := bubble(t)
		s.EnforceLimits(DocumentedLimits())
		in.app.SetTokenLife(2 * time.Hour)
		token := in.Mint()
		create := func() int {
			return ask(t, s, "POST", "https://api.github.com/repos/acme/web/issues", `{"title":"x"}`, as(token)...).StatusCode
		}
		for n := range 500 {
			if status := create(); status != 201 {
				t.Fatalf("%d: %d", n, status)
			}
			time.Sleep(time.Second) // 60 a minute
		}
		if status := create(); status != 403 {
			t.Errorf("the 501st: %d", status)
		}
		time.Sleep(time.Hour - 500*time.Second)
		if status := create(); status != 201 {
			t.Errorf("an hour after the first: %d", status)
		}
	})
}

// Requests that are delayed are in flight, by whatever they are delayed, and one too many is refused.
func TestInFlight(t *testing.T) {
	for name, delay := range map[string]func(*Server){
		"latency": func(s *Server) { s.SetLatency(time.Second) },
		"intercept": func(s *Server) {
			s.Intercept(func(http.ResponseWriter, *http.Request) bool { time.Sleep(time.Second); return false })
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, in := bubble(t)
			s.EnforceLimits(Limits{InFlight: 10})
			delay(s)
			began := time.Now()
			var wg sync.WaitGroup
			send := func(n int, headers ...string) {
				for range n {
					wg.Go(func() { get(t, s, "/repos/acme/web", headers...) })
				}
			}
			send(5, as(in.Mint())...)
			send(5, as(in.Mint())...)
			send(10, "Authorization", asBot)
			wg.Wait()
			if s.SecondaryRefusals() != 0 || s.PeakInFlight(in.Principal()) != 10 || time.Since(began) != time.Second {
				t.Errorf("%s: %d refused, %d at once, %v", name, s.SecondaryRefusals(), s.PeakInFlight(in.Principal()), time.Since(began))
			}
			send(11, as(in.Mint())...)
			wg.Wait()
			if s.SecondaryRefusals() == 0 || s.PeakInFlight(in.Principal()) != 11 || s.PeakInFlight("octo-bot") != 10 {
				t.Errorf("%s: %d refused, %d at once", name, s.SecondaryRefusals(), s.PeakInFlight(in.Principal()))
			}
		})
	}
}

// Over sockets and HTTP/2, too; and REST, GraphQL and uploads are together.
func TestInFlightOverTheNetwork(t *testing.T) {
	s, _, in := startApp(t)
	token := in.Mint()
	arrived, leave := make(chan bool), make(chan bool)
	s.Intercept(func(http.ResponseWriter, *http.Request) bool { arrived <- true; <-leave; return false })
	var wg sync.WaitGroup
	for _, target := range []string{"GET https://api.github.com/repos/acme/web", "POST https://api.github.com/graphql", "POST https://uploads.github.com/x", "GET https://raw.githubusercontent.com/x"} {
		method, url, _ := strings.Cut(target, " ")
		wg.Go(func() { ask(t, s, method, url, "", as(token)...) })
		<-arrived
	}
	if peak := s.PeakInFlight(in.Principal()); peak != 3 {
		t.Errorf("%d at once", peak)
	}
	close(leave)
	wg.Wait()
}

// A client that leaves while it waits has asked for nothing.
func TestLeavingDuringLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, in := bubble(t)
		s.SetLatency(time.Minute)
		client := &http.Client{Transport: s.Transport(), Timeout: time.Second}
		r, _ := http.NewRequest("POST", "https://api.github.com/repos/acme/web/issues", strings.NewReader(`{"title":"x"}`))
		r.Header.Set("Authorization", "Bearer "+in.Mint())
		if _, err := client.Do(r); err == nil {
			t.Error("answered within a second")
		}
		synctest.Wait()
		s.SetLatency(0)
		if got := get(t, s, "/repos/acme/web/issues"); got.body != "[]" || s.Used(in.Principal(), "core") != 0 {
			t.Errorf("%s, %d points", got.body, s.Used(in.Principal(), "core"))
		}
	})
}

// At GitHub's limits nothing is refused, and a log that is bounded stays small.
func TestAtTheLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, in := bubble(t)
		s.EnforceLimits(DocumentedLimits())
		s.SetBudget(in.Principal(), "core", 10000, 0, time.Time{})
		s.KeepSeen(10)
		token := in.Mint()
		client := s.Client()
		for range 9000 { // 900 in any minute
			r, _ := http.NewRequest("GET", "https://api.github.com/repos/acme/web/labels/bug", nil)
			r.Header.Set("Authorization", "Bearer "+token)
			resp, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			time.Sleep(time.Minute/900 + 1)
		}
		if fmt.Sprint(s.Statuses()) != "map[200:9000]" || s.SecondaryRefusals()+s.PrimaryRefusals() != 0 || len(s.Seen()) != 10 {
			t.Errorf("%v, %d refused, %d kept", s.Statuses(), s.SecondaryRefusals(), len(s.Seen()))
		}
	})
}

// A client that has an answer may send the next request at once, though the server's
// handler has not returned: it has only itself to count.
func TestAnsweredIsNotInFlight(t *testing.T) {
	s, _, in := startApp(t)
	s.EnforceLimits(Limits{InFlight: 1})
	release := make(chan bool)
	s.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/slow" {
			return false
		}
		w.WriteHeader(http.StatusOK)
		http.NewResponseController(w).Flush()
		<-release
		return true
	})
	r, _ := http.NewRequest("GET", "https://api.github.com/slow", nil)
	r.Header.Set("Authorization", "Bearer "+in.Mint())
	begun, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer begun.Body.Close()
	defer close(release)
	if got := get(t, s, "/repos/acme/api", as(in.Mint())...); got.StatusCode != 200 || s.PeakInFlight(in.Principal()) != 1 {
		t.Errorf("%d, %d at once", got.StatusCode, s.PeakInFlight(in.Principal()))
	}
}

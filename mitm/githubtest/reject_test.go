package githubtest

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// Every shape of a refusal for too many requests, for REST and for GraphQL.
func TestRejections(t *testing.T) {
	now := &clock{now: noon}
	s, _, in := startApp(t, WithClock(now.Now))
	s.AddIssue("acme/api", "One")
	token := in.Mint()
	none := "none"
	date := noon.Add(30 * time.Second).Format("Mon, 02 Jan 2006 15:04:05 GMT")
	after := func(value string) map[string]string { return map[string]string{"Retry-After": value} }
	primary := fmt.Sprintf("API rate limit exceeded for installation ID %d.", in.ID())
	for _, tt := range []struct {
		name       string
		how        Rejection
		rest       int
		text       string
		retryAfter string
		graphQL    int
		has        string // in the GraphQL answer
	}{
		{"primary, 403", Rejection{}, 403, primary, none, 200, `{"errors":[{"type":"RATE_LIMITED"`},
		{"primary, 429", Rejection{Status: 429}, 429, primary, none, 200, `{"errors":[{"type":"RATE_LIMITED"`},
		{"primary, GraphQL 403", Rejection{GraphQLStatus: 403}, 403, primary, none, 403, primary},
		{"secondary, seconds", Rejection{Kind: SecondaryLimit, Header: after("30")}, 403, secondaryText, "30", 403, secondaryText},
		{"secondary, 429, a date", Rejection{Kind: SecondaryLimit, Status: 429, Header: after(date)}, 429, secondaryText, date, 429, secondaryText},
		{"secondary, none", Rejection{Kind: SecondaryLimit}, 403, secondaryText, none, 403, secondaryText},
		{"secondary, blank", Rejection{Kind: SecondaryLimit, Header: after("")}, 403, secondaryText, "", 403, secondaryText},
		{"secondary, junk", Rejection{Kind: SecondaryLimit, Header: after("soon")}, 403, secondaryText, "soon", 403, secondaryText},
		{"secondary, GraphQL 200", Rejection{Kind: SecondaryLimit, GraphQLStatus: 200}, 403, secondaryText, none, 200, `{"data":null,"errors":[{"message":"` + secondaryText},
	} {
		s.Reject(in.Principal(), tt.how)
		used := s.Used(in.Principal(), "core")
		rest := get(t, s, "/repos/acme/api", as(token)...)
		graphQL := ask(t, s, "POST", "https://api.github.com/graphql", `{"query":"{viewer{login}}"}`, as(token)...)
		m := messageOf(t, rest)
		if rest.StatusCode != tt.rest || !strings.HasPrefix(m.Message, tt.text) || m.Status != fmt.Sprint(tt.rest) {
			t.Errorf("%s: %d %s", tt.name, rest.StatusCode, rest.body)
		}
		if graphQL.StatusCode != tt.graphQL || !strings.Contains(graphQL.body, tt.has) {
			t.Errorf("%s, GraphQL: %d %s", tt.name, graphQL.StatusCode, graphQL.body)
		}
		for _, got := range []exchange{rest, graphQL} {
			value := none
			if values := got.Header["Retry-After"]; values != nil {
				value = values[0]
			}
			if value != tt.retryAfter {
				t.Errorf("%s: Retry-After %q", tt.name, value)
			}
			spent := got.Header.Get("X-Ratelimit-Remaining") == "0" && got.Header.Get("X-Ratelimit-Used") == "5000"
			if spent != (tt.how.Kind == PrimaryLimit) || got.Header.Get("X-Ratelimit-Reset") != fmt.Sprint(noon.Add(time.Hour).Unix()) {
				t.Errorf("%s: %v", tt.name, got.Header)
			}
		}
		if tt.how.Kind == PrimaryLimit && s.Used(in.Principal(), "core") != used {
			t.Errorf("%s: it cost a point", tt.name)
		}
		s.Accept(in.Principal())
		if got := get(t, s, "/repos/acme/api", as(token)...); got.StatusCode != 200 {
			t.Errorf("%s, accepted: %d", tt.name, got.StatusCode)
		}
	}
	if s.PrimaryRefusals() != 6 || s.SecondaryRefusals() != 12 {
		t.Errorf("%d and %d", s.PrimaryRefusals(), s.SecondaryRefusals())
	}
}

// Who may not create may read.
func TestContentCreation(t *testing.T) {
	s, _, in := startApp(t)
	s.Reject(in.Principal(), Rejection{Kind: CreationLimit, Header: map[string]string{"retry-after": "60"}})
	got := ask(t, s, "POST", "https://api.github.com/repos/acme/api/issues", `{"title":"x"}`, as(in.Mint())...)
	if m := messageOf(t, got); got.StatusCode != 403 || m.Message != creationText || got.Header.Get("Retry-After") != "60" || len(got.Header["Retry-After"]) != 1 {
		t.Errorf("%d %s %v", got.StatusCode, got.body, got.Header)
	}
	if got := get(t, s, "/repos/acme/api/issues", as(in.Mint())...); got.StatusCode != 200 || got.body != "[]" {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
}

// A rejection ends by itself after so many requests or at a time, and may be for one resource.
func TestRejectionsEnd(t *testing.T) {
	now := &clock{now: noon}
	s, _, in := startApp(t, WithClock(now.Now))
	token := in.Mint()
	check := func(path string, want int) {
		t.Helper()
		if got := get(t, s, path, as(token)...); got.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, got.StatusCode, want)
		}
	}
	s.Reject(in.Principal(), Rejection{Kind: SecondaryLimit, Times: 2})
	check("/repos/acme/api", 403)
	check("/repos/acme/api", 403)
	check("/repos/acme/api", 200)
	s.Reject(in.Principal(), Rejection{Kind: SecondaryLimit, Until: noon.Add(time.Second)})
	check("/repos/acme/api", 403)
	now.advance(time.Second)
	check("/repos/acme/api", 200)
	s.Reject(in.Principal(), Rejection{Resource: "search"})
	check("/repos/acme/api", 200)
	check("/search/issues?q=x", 403)
	s.Reject(in.Principal(), Rejection{Header: map[string]string{"X-RateLimit-Reset": "1"}})
	if got := get(t, s, "/repos/acme/api", as(token)...); len(got.Header["X-Ratelimit-Reset"]) != 1 || got.Header.Get("X-Ratelimit-Reset") != "1" {
		t.Errorf("%v", got.Header)
	}
}

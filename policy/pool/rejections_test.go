package pool

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"octopool/mitm/githubtest"
)

// A shape is one of GitHub's ways to refuse.
type shape struct {
	name string
	how  githubtest.Rejection
	call call
	back time.Duration // when the credential serves again; 0: at its reset
}

// shapes are all of them (github-facts 1.5).
func shapes() []shape {
	reading := read("ci", "acme/web", "")
	commenting := write("ci", "acme/web", "POST", "/issues/1/comments", `{"body":"x"}`)
	asking := query("ci", "acme", `{repository(owner:\"acme\",name:\"web\"){id}}`)
	primary := func(status, graphql int) githubtest.Rejection {
		return githubtest.Rejection{Kind: githubtest.PrimaryLimit, Status: status, GraphQLStatus: graphql}
	}
	secondary := func(status, graphql int, retryAfter ...string) githubtest.Rejection {
		how := githubtest.Rejection{Kind: githubtest.SecondaryLimit, Status: status, GraphQLStatus: graphql}
		if retryAfter != nil {
			how.Header = map[string]string{"Retry-After": retryAfter[0]}
		}
		return how
	}
	creation := func(status int) githubtest.Rejection {
		return githubtest.Rejection{Kind: githubtest.CreationLimit, Status: status}
	}
	date := time.Now().Add(90 * time.Second).UTC().Format(http.TimeFormat)
	return []shape{
		{"primary, 403", primary(403, 0), reading, 0},
		{"primary, 429", primary(429, 0), reading, 0},
		{"primary to a write", primary(403, 0), commenting, 0},
		{"secondary, 403, 30 seconds", secondary(403, 0, "30"), reading, 30 * time.Second},
		{"secondary, 429, 30 seconds", secondary(429, 0, "30"), reading, 30 * time.Second},
		{"secondary, 403, a date", secondary(403, 0, date), reading, 90 * time.Second},
		{"secondary, 429, a date", secondary(429, 0, date), reading, 90 * time.Second},
		{"secondary, 403, nothing said", secondary(403, 0), reading, time.Minute},
		{"secondary, 429, nothing said", secondary(429, 0), reading, time.Minute},
		{"secondary, 403, blank", secondary(403, 0, ""), reading, time.Minute},
		{"secondary, 429, blank", secondary(429, 0, " "), reading, time.Minute},
		{"secondary, 403, junk", secondary(403, 0, "soon"), reading, time.Minute},
		{"secondary to a write", secondary(403, 0, "30"), commenting, 30 * time.Second},
		{"creation, 403", creation(403), commenting, time.Minute},
		{"creation, 429", creation(429), commenting, time.Minute},
		{"GraphQL primary, 200", primary(403, 200), asking, 0},
		{"GraphQL primary, 403", primary(403, 403), asking, 0},
		{"GraphQL secondary, 200", secondary(403, 200, "30"), asking, 30 * time.Second},
		{"GraphQL secondary, 200, nothing said", secondary(403, 200), asking, time.Minute},
		{"GraphQL secondary, 200, blank", secondary(403, 200, ""), asking, time.Minute},
		{"GraphQL secondary, 403", secondary(403, 403, "30"), asking, 30 * time.Second},
		{"GraphQL secondary, 429, nothing said", secondary(429, 429), asking, time.Minute},
	}
}

// bots are two personal access tokens of two users who may write to acme/web, of which a
// request without a preference is sent with the first.
func (g *github) bots(names ...string) {
	g.AddIssue("acme/web", "One")
	var all []Credential
	for _, name := range names {
		g.AddUser(name, "ghp_"+name)
		g.Grant(name, "acme/web")
		all = append(all, pat(name, "ghp_"+name))
	}
	g.open(Config{Credentials: all})
}

// Whatever GitHub refuses one credential with, another serves and the client sees none
// of it. GitHub hears no more of the first until its time is over, and then it serves.
func TestRejectionsAreSurvived(t *testing.T) {
	for i := range shapes() {
		newGitHub(t, func(t *testing.T, g *github) {
			s := shapes()[i] // anew: one names a time
			g.bots("a", "b")
			first := "a"
			if s.call.want.Steady != "" {
				first = g.send(s.call).who
			}
			g.Reject(first, s.how)
			got := g.send(s.call)
			if got.status/100 != 2 || got.who == first || got.tries != 2 || got.err != nil {
				t.Errorf("%s: %+v", s.name, got)
			}
			for range 20 {
				if got := g.send(s.call); got.status/100 != 2 || got.tries != 1 || got.err != nil {
					t.Errorf("%s, afterwards: %+v", s.name, got)
				}
			}
			g.Accept(first)
			back := s.back
			if back == 0 {
				back = time.Until(g.Server.Budget(first, s.call.want.Resource).Reset)
			}
			time.Sleep(back - time.Second)
			if got := g.send(s.call); got.who == first {
				t.Errorf("%s: %s serves too soon", s.name, first)
			}
			time.Sleep(time.Second)
			if got := g.send(s.call); got.who != first || got.tries != 1 {
				t.Errorf("%s: %s is not back: %+v", s.name, first, got)
			}
			g.idle()
		})
	}
}

// With nobody else the client is told what kind of limit it is, and when it ends; then it
// is served.
func TestRejectionsWithNobodyElse(t *testing.T) {
	for i := range shapes() {
		newGitHub(t, func(t *testing.T, g *github) {
			s := shapes()[i]
			g.bots("a")
			g.want(s.name+", before", fmt.Sprint(g.send(s.call).status/100), "2")
			g.Reject("a", s.how)
			got := g.send(s.call)
			var until time.Time
			if s.back == 0 {
				e, _ := errors.AsType[*Exhausted](got.err)
				if e == nil || e.Budget.Remaining != 0 || e.Resource != s.call.want.Resource {
					t.Fatalf("%s: %+v", s.name, got)
				}
				until = e.Budget.Reset
				if truth := g.Server.Budget("a", e.Resource).Reset; !until.Equal(truth) {
					t.Errorf("%s: until %s, but it is %s", s.name, until, truth)
				}
			} else {
				e, _ := errors.AsType[*Cooling](got.err)
				if e == nil || time.Until(e.Until) != s.back {
					t.Fatalf("%s: %+v", s.name, got)
				}
				until = e.Until
			}
			g.Accept("a")
			before := g.Statuses()
			for range 10 {
				if got := g.send(s.call); got.err == nil {
					t.Errorf("%s: asked again too soon: %+v", s.name, got)
				}
			}
			if after := g.Statuses(); fmt.Sprint(before) != fmt.Sprint(after) {
				t.Errorf("%s: GitHub was asked: %v, then %v", s.name, before, after)
			}
			time.Sleep(time.Until(until))
			if got := g.send(s.call); got.status/100 != 2 || got.tries != 1 {
				t.Errorf("%s, when it is over: %+v", s.name, got)
			}
			g.idle()
		})
	}
}

// A budget that is spent is one of several: the credential goes on with the others. A
// secondary limit is for all of them.
func TestALimitIsAsWideAsGitHubSays(t *testing.T) {
	newGitHub(t, func(t *testing.T, g *github) {
		g.bots("a")
		asking := query("ci", "acme", `{repository(owner:\"acme\",name:\"web\"){id}}`)
		g.Reject("a", githubtest.Rejection{Kind: githubtest.PrimaryLimit, Resource: "graphql"})
		if got := g.send(asking); got.err == nil {
			t.Errorf("GraphQL: %+v", got)
		}
		g.want("REST", g.do(owned("acme"), "GET", "/repos/acme/web"), "a 200")
		g.Reject("a", githubtest.Rejection{Kind: githubtest.SecondaryLimit, Resource: "search", Header: map[string]string{"Retry-After": "30"}})
		for _, c := range []call{search("ci"), read("ci", "acme/web", "")} {
			if cooling, ok := errors.AsType[*Cooling](g.send(c).err); !ok || time.Until(cooling.Until) != 30*time.Second {
				t.Errorf("%s: %v", c.path, cooling)
			}
		}
		git := owned("acme")
		git.Resource = ""
		if l, err := g.Lease(t.Context(), git); err == nil { // silence is for git too
			t.Errorf("git is leased %s", l.Credential())
		}
	})
}

// Where GitHub does not say how long to be silent it is for longer each time, up to an
// hour; and after an answer that was none of it, a minute again.
func TestSilenceGrows(t *testing.T) {
	newGitHub(t, func(t *testing.T, g *github) {
		g.bots("a")
		c := read("ci", "acme/web", "")
		silent := func() time.Duration {
			t.Helper()
			cooling, ok := errors.AsType[*Cooling](g.send(c).err)
			if !ok {
				t.Fatal("not silent")
			}
			return time.Until(cooling.Until)
		}
		g.Reject("a", githubtest.Rejection{Kind: githubtest.SecondaryLimit})
		for i, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
			if got := silent(); got != want*time.Minute {
				t.Errorf("%d: silent for %s, want %dm", i, got, want)
			}
			time.Sleep(want * time.Minute)
		}
		g.Accept("a")
		g.want("at last", g.do(c.want, c.method, c.path), "a 200")
		g.Reject("a", githubtest.Rejection{Kind: githubtest.SecondaryLimit})
		if got := silent(); got != time.Minute {
			t.Errorf("after an answer: %s", got)
		}
	})
}

// Requests that were under way together are one secondary limit, not each the next.
func TestOneSilenceForAllThatWereUnderWay(t *testing.T) {
	newGitHub(t, func(t *testing.T, g *github) {
		g.bots("a")
		g.SetLatency(time.Second)
		g.Reject("a", githubtest.Rejection{Kind: githubtest.SecondaryLimit})
		done := make(chan reply)
		for range 10 {
			go func() { done <- g.send(read("ci", "acme/web", "")) }()
		}
		for range 10 {
			cooling, ok := errors.AsType[*Cooling]((<-done).err)
			if !ok || time.Until(cooling.Until) > time.Minute {
				t.Errorf("%v", cooling)
			}
		}
	})
}

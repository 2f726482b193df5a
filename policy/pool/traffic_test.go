package pool

import (
	"context"
	"io"
	"net/http"
	"strings"

	"octopool/policy"
)

// A call is one request of a client's.
type call struct {
	want               Want
	method, path, body string
	tag                string // If-None-Match
}

// read and write are requests of a client about what stands below /repos.
func read(client, repo, rest string) call {
	w := owned(strings.Split(repo, "/")[0])
	w.Client = client
	return call{want: w, method: "GET", path: "/repos/" + repo + rest}
}

func write(client, repo, method, rest, body string) call {
	c := read(client, repo, rest)
	c.want.Write, c.want.Steady = true, client
	c.want.Creates = method == "POST"
	c.method, c.body = method, body
	return c
}

// query is a GraphQL request that speaks of nobody, and so may be anybody's.
func query(client, owner, text string) call {
	w := owned(owner)
	w.Client, w.Resource = client, "graphql"
	return call{want: w, method: "POST", path: "/graphql", body: `{"query":"` + text + `"}`}
}

// A reply is what came of a call.
type reply struct {
	who    string // the last credential it was sent with
	status int    // 0 when it was refused
	tag    string
	points int
	tries  int
	err    error // why it was refused
}

// send sends a call as an exchange does: again where GitHub did not execute it, and with
// GitHub's own answer where nobody else can serve and it explains more.
func (g *github) send(c call) reply {
	return g.sendWith(g.t.Context(), c, func(*Lease) string { return c.tag })
}

// sendWith is send with an If-None-Match for each lease.
func (g *github) sendWith(ctx context.Context, c call, tag func(*Lease) string) reply {
	var out, last reply
	for {
		l, err := g.Lease(ctx, c.want)
		if err != nil {
			if last.status != 0 {
				return last
			}
			out.err = err
			return out
		}
		out.tries++
		r, _ := http.NewRequest(c.method, githubAPI+c.path, readerOf(c.body))
		r.Header.Set("User-Agent", "octopool")
		r.Header.Set("Authorization", l.Authorization(policy.KindREST))
		if known := tag(l); known != "" {
			r.Header.Set("If-None-Match", known)
		}
		resp, err := g.Transport().RoundTrip(r)
		if err != nil {
			g.t.Error(err)
			l.Release()
			return out
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		v := l.Settle(resp.StatusCode, resp.Header, body)
		out.who, out.status, out.tag, out.points = l.Credential(), resp.StatusCode, resp.Header.Get("ETag"), v.Points
		switch {
		case v.Rejected:
			if v.Explains {
				last = out
			}
			if v.Resource != "" {
				c.want.Resource = v.Resource
			}
			out.status = 0
		case v.NotCovered != nil:
			out.status, out.err = 0, v.NotCovered
			return out
		default:
			return out
		}
	}
}

// idle checks that nothing is held when nothing is under way.
func (g *github) idle() {
	g.t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	checkIdle(g.t, g.Pools)
}

func checkIdle(t interface {
	Helper()
	Errorf(string, ...any)
}, p *Pools) {
	t.Helper()
	for name, one := range p.principals {
		if one.heir == nil && one.inFlight != 0 {
			t.Errorf("%s: %d in flight", name, one.inFlight)
		}
		for resource, b := range one.itself().budgets {
			if b.reserved != 0 {
				t.Errorf("%s %s: %d points reserved", name, resource, b.reserved)
			}
		}
	}
	for name, c := range p.clients {
		if c.inFlight != 0 || c.reserved != 0 || len(c.waiting) != 0 {
			t.Errorf("client %s: %d in flight, %d reserved, %d wait", name, c.inFlight, c.reserved, len(c.waiting))
		}
	}
	if p.queue.length != 0 {
		t.Errorf("%d wait", p.queue.length)
	}
}

// readerOf is a request's body, which is none where there is no text.
func readerOf(text string) io.Reader {
	if text == "" {
		return http.NoBody
	}
	return strings.NewReader(text)
}

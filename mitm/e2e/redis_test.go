package e2e

import (
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"octopool/mitm/admin"
)

// Two octopools on one Redis: what one learned, both have.
func TestRedis(t *testing.T) {
	bin := build(t)
	for name, claim := range map[string]func(*testing.T, string){
		"the second pays nothing":    theSecondPaysNothing,
		"a purge is for both":        aPurgeIsForBoth,
		"hung and dead":              hungAndDead,
		"a refused credential":       aRefusedCredential,
		"an allowance over both":     anAllowanceOverBoth,
		"without Redis at the start": withoutRedisAtTheStart,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			claim(t, bin)
		})
	}
}

// some are things to read: what is public and private, single and listed, and a file, whose
// ETag is of the opaque kind.
func some() []string {
	return []string{"/repos/acme/web", "/repos/acme/api", "/repos/acme/api/issues", "/repos/acme/web/issues/1", "/repos/acme/web/contents/README.md", "/orgs/acme"}
}

// What the first has read the second reads for nothing, as another user with another
// token, for a client with another token; and it is what GitHub would have sent.
func theSecondPaysNothing(t *testing.T, bin string) {
	f := newFleet(t)
	f.start(bin, []string{"octo-bot"}, []string{"hubot"})
	f.one.get(some()...)
	if saw := f.saw(); count(saw, `: 200 as octo-bot, 1 points$`) != len(some()) || len(saw) != len(some()) {
		t.Errorf("for the first, GitHub saw\n%s", strings.Join(saw, "\n"))
	}
	f.eventually("all is in Redis", func() bool { return f.one.stored() == len(some()) })
	for range 2 {
		answers := f.two.get(some()...)
		if saw := f.saw(); count(saw, `: 304 as hubot, 0 points$`) != len(some()) || len(saw) != len(some()) {
			t.Errorf("for the second, GitHub saw\n%s", strings.Join(saw, "\n"))
		}
		for i, path := range some() {
			want := f.direct(path, "hubot")
			if answers[i] != want+"\n200" {
				t.Errorf("%s:\n%s\nwant\n%s", path, answers[i], want)
			}
		}
		f.saw()
	}
	// A change, seen by the second, costs the first nothing.
	f.github.Touch("acme/api")
	changed := f.two.get("/repos/acme/api")
	f.two.curl("-o", "/dev/null", "-H", "Accept: application/json", "https://api.github.com/repos/acme/api") // for nothing, and stored after the change
	f.eventually("the change is in Redis", func() bool { return f.two.stored() == 1 })
	if again := f.one.get("/repos/acme/api"); again[0] != changed[0] {
		t.Errorf("%s\nand\n%s", changed[0], again[0])
	}
	const path = "GET api.github.com/repos/acme/api"
	want := []string{path + ": 200 as hubot, 1 points", path + ": 304 as hubot, 0 points", path + ": 304 as octo-bot, 0 points"}
	if diff := cmp.Diff(want, f.saw()); diff != "" {
		t.Errorf("of a change GitHub saw (-want +got):\n%s", diff)
	}
	for name, token := range map[string]string{"first client": f.one.token, "second client": f.two.token, "octo-bot": f.pats["octo-bot"], "hubot": f.pats["hubot"]} {
		if how := find(token, f.redis.content()); how != "" {
			t.Errorf("Redis has the token of %s, %s", name, how)
		}
	}
}

// direct is what GitHub sends a user for a path, octopool being asleep.
func (f *fleet) direct(path, login string) string {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), http.MethodGet, "https://api.github.com"+path, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+f.pats[login])
	r.Header.Set("User-Agent", "curl/7.88.1") // as the members ask, whose JSON GitHub puts on lines
	resp, err := f.github.Client().Do(r)
	if err != nil {
		f.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return string(text)
}

// What is purged through one is gone for both, though each has it in its own memory too.
func aPurgeIsForBoth(t *testing.T, bin string) {
	f := newFleet(t)
	f.start(bin, []string{"octo-bot"}, []string{"hubot"})
	f.one.get(some()...)
	f.eventually("all is in Redis", func() bool { return f.one.stored() == len(some()) })
	f.two.get(some()...)
	f.saw()
	if said := f.two.octopool("cache", "purge", "/repos/acme/web/**"); said != "answers forgotten: 3\n" {
		t.Errorf("it said %s", said)
	}
	var saw []string
	f.eventually("the first has seen it too", func() bool {
		f.one.get(some()...)
		saw = append(saw, f.saw()...)
		return count(saw, `/acme/web.*: 200 as octo-bot, 1 points$`) == 3
	})
	if count(saw, `: 304 as octo-bot, 0 points$`) != len(saw)-3 {
		t.Errorf("after the purge of web, GitHub saw\n%s", strings.Join(saw, "\n"))
	}
	f.eventually("it is in Redis again", func() bool { return f.one.stored() == len(some())+3 })
	f.two.get(some()...)
	if saw := f.saw(); count(saw, `: 304 as hubot, 0 points$`) != len(some()) {
		t.Errorf("after the first had read it again, GitHub saw\n%s", strings.Join(saw, "\n"))
	}
	if said := f.one.octopool("cache", "purge", "--all"); said != "answers forgotten: 6\n" {
		t.Errorf("it said %s", said)
	}
	f.two.get(some()...)
	if saw := f.saw(); count(saw, `: 200 as hubot, 1 points$`) != len(some()) {
		t.Errorf("after the purge of all, GitHub saw\n%s", strings.Join(saw, "\n"))
	}
	var c admin.Cache
	f.two.ask("/api/cache", &c)
	if c.Backend != "redis" || c.Outcomes["revalidated"] != 12 || c.Outcomes["fetched"] != 6 || *c.HitShare != 12.0/18 {
		t.Errorf("%+v", c)
	}
}

// A Redis that hangs in the midst of traffic, and then dies, costs each request a moment at
// most and none its answer. When it is back it is used again.
func hungAndDead(t *testing.T, bin string) {
	f := newFleet(t)
	f.start(bin, []string{"octo-bot"}, []string{"hubot"})
	for _, trouble := range []struct {
		name        string
		begin, mend func()
	}{
		{"hung", func() { f.redis.signal(syscall.SIGSTOP) }, func() { f.redis.signal(syscall.SIGCONT) }},
		{"dead", f.redis.kill, f.redis.start},
	} {
		errors := f.one.metric("octopool_store_errors_total")
		var asked atomic.Int64
		f.github.Intercept(func(http.ResponseWriter, *http.Request) bool {
			if asked.Add(1) == 60 {
				trouble.begin()
			}
			return false
		})
		log := f.one.curl("-Z", "--parallel-max", "4", "-w", "%{http_code} %{time_total}\n", "-o", "/dev/null", "https://api.github.com/repos/acme/api?n=[1-200]")
		f.github.Intercept(nil)
		var took []float64
		for line := range strings.Lines(log) {
			status, seconds, _ := strings.Cut(strings.TrimSpace(line), " ")
			n, err := strconv.ParseFloat(seconds, 64)
			if status != "200" || err != nil {
				t.Errorf("%s: an answer is %s", trouble.name, line)
			}
			took = append(took, n)
		}
		// Redis is given up after 50 ms, and then asked no more: asked each time, twice at
		// least, it would cost each request 100 ms. The longest is for a machine that is busy.
		slices.Sort(took)
		if n := len(took); n != 200 || took[n/2] > 0.1 || took[n-1] > 2 {
			t.Errorf("%s: %d answers, after %v s", trouble.name, n, took)
		}
		f.eventually("errors are counted", func() bool { return f.one.metric("octopool_store_errors_total") > errors })
		trouble.mend()
		for _, m := range []*member{f.one, f.two} { // both have found out when each reads for nothing what it has read
			f.eventually("it is used again", func() bool {
				f.saw()
				m.get("/repos/acme/api?again=" + trouble.name)
				return count(f.saw(), ": 304 ") == 1
			})
		}
		before := f.one.stored()
		f.one.get("/repos/acme/web?after=" + trouble.name)
		f.eventually("it is in Redis", func() bool { return f.one.stored() > before })
		f.two.get("/repos/acme/web?after=" + trouble.name)
		want := []string{"GET api.github.com/repos/acme/web: 200 as octo-bot, 1 points", "GET api.github.com/repos/acme/web: 304 as hubot, 0 points"}
		if diff := cmp.Diff(want, f.saw()); diff != "" {
			t.Errorf("%s, and back again: GitHub saw (-want +got):\n%s", trouble.name, diff)
		}
	}
}

// An octopool starts and serves without its Redis, and takes to it when it comes.
func withoutRedisAtTheStart(t *testing.T, bin string) {
	f := newFleet(t)
	f.redis.kill()
	f.start(bin, []string{"octo-bot"}, []string{"hubot"})
	if got := f.one.curl("-w", "%{http_code}", "-o", "/dev/null", "https://api.github.com/repos/acme/api"); got != "200" {
		t.Errorf("without Redis: %s", got)
	}
	f.redis.start()
	f.eventually("it is used", func() bool {
		f.one.get("/repos/acme/api")
		return f.one.stored() == 1
	})
	f.eventually("the other uses it too", func() bool {
		f.saw()
		f.two.get("/repos/acme/api")
		return count(f.saw(), ": 304 as hubot, 0 points") == 1
	})
}

// A credential that one octopool has been refused the other does not try.
func aRefusedCredential(t *testing.T, bin string) {
	f := newFleet(t)
	both := []string{"hubot", "octo-bot"}
	f.start(bin, both, both)
	f.github.Revoke(f.pats["hubot"])
	f.one.get("/repos/acme/api")
	if saw := f.saw(); count(saw, ": 401 ") != 1 || count(saw, ": 200 as octo-bot, 1 points") != 1 {
		t.Errorf("for the first, GitHub saw\n%s", strings.Join(saw, "\n"))
	}
	began := time.Now()
	f.eventually("the second has heard", func() bool {
		var s admin.Status
		f.two.ask("/api/status", &s)
		c := s.Pools[0].Credentials[0]
		return c.Name == "hubot" && !c.Up && c.Reason == "GitHub answered 401 Bad credentials"
	})
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
	f.two.get("/repos/acme/api", "/repos/acme/web")
	want := []string{"GET api.github.com/repos/acme/api: 304 as octo-bot, 0 points", "GET api.github.com/repos/acme/web: 200 as octo-bot, 1 points"}
	if diff := cmp.Diff(want, f.saw()); diff != "" {
		t.Errorf("for the second, GitHub saw (-want +got):\n%s", diff)
	}
}

// What a client has spent at one octopool it cannot spend again at the other.
func anAllowanceOverBoth(t *testing.T, bin string) {
	f := newFleet(t)
	f.ci = "requests_per_hour = 10\n"
	f.start(bin, []string{"octo-bot"}, []string{"hubot"})
	f.one.curl("-o", "/dev/null", "https://api.github.com/repos/acme/api?n=[1-6]")
	f.eventually("the second has heard", func() bool {
		var s admin.Status
		f.two.ask("/api/status", &s)
		return len(s.Clients) > 0 && slices.ContainsFunc(s.Clients, func(c admin.Client) bool { return c.Name == "ci" && c.Allowance.Remaining == 4 })
	})
	if got, want := f.two.curl("-w", "%{http_code} ", "-o", "/dev/null", "https://api.github.com/repos/acme/web?n=[1-6]"), "200 200 200 200 403 403 "; got != want {
		t.Errorf("at the second: %s, want %s", got, want)
	}
	if saw := f.saw(); count(saw, ", 1 points$") != 10 || len(saw) != 10 {
		t.Errorf("GitHub saw\n%s", strings.Join(saw, "\n"))
	}
}

package pool

import (
	"net/http"
	"testing"
	"time"

	"octopool/policy"
)

// settled is what the pool thinks after an answer: the verdict, and who serves next.
type settled struct {
	rejected bool
	resource string
	points   int
	left     int    // of core, in all
	who      string // would be leased next, or why none
}

func TestSettle(t *testing.T) {
	half := in(30 * time.Minute)
	used := func(n int) http.Header { return headers(core(n, half)) }
	with := func(h http.Header, name, value string) http.Header { h.Set(name, value); return h }
	const coreSpent = "pool default has no core budget left until 2026-11-23T12:30:00Z"
	for _, tt := range []struct {
		name   string
		status int
		h      http.Header
		body   string
		want   settled
	}{
		{"200 costs a point", 200, used(11), "", settled{false, "core", 1, 4989, "a"}},
		{"304 costs none", 304, used(10), "", settled{false, "core", 0, 4990, "a"}},
		{"404 costs a point", 404, used(11), "", settled{false, "core", 1, 4989, "a"}},
		{"permission costs a point and is no limit", 403, used(11), permission, settled{false, "core", 1, 4989, "a"}},
		{"the last point is an answer, and the next is not asked for", 200, used(5000), "", settled{false, "core", 1, 0, coreSpent}},
		{"permission with the last point", 403, used(5000), permission, settled{false, "core", 1, 0, coreSpent}},
		{"500 without headers tells nothing", 500, http.Header{}, "", settled{false, "core", 0, 4990, "a"}},
		{"200 without headers tells nothing", 200, bare(), "", settled{false, "core", 0, 4990, "a"}},
		{"another resource than was thought", 200, headers(Report{"search", 30, 1, 29, in(time.Minute)}), "", settled{false, "search", 1, 4990, "a"}},

		{"primary", 403, used(5000), primaryWords, settled{true, "core", 0, 0, coreSpent}},
		{"primary as 429", 429, used(5000), primaryWords, settled{true, "core", 0, 0, coreSpent}},
		{"primary, of a reset that makes no sense", 403, headers(core(5000, time.Unix(1507651200000, 0))), primaryWords,
			settled{true, "core", 0, 4990, "pool default is silent until 2026-11-23T12:01:00Z after a secondary limit"}},
		{"primary, of a reset that has passed", 403, headers(core(5000, in(-time.Second))), primaryWords,
			settled{true, "core", 0, 4990, "pool default is silent until 2026-11-23T12:01:00Z after a secondary limit"}},
		{"primary, of another resource than was thought", 403, headers(Report{"audit_log_streaming", 15, 15, 0, half}), primaryWords,
			settled{true, "audit_log_streaming", 0, 4990, "a"}}, // for core; asked again it is for what was spent
		{"secondary", 403, with(used(10), "Retry-After", "17"), secondaryWords,
			settled{true, "core", 0, 4990, "pool default is silent until 2026-11-23T12:00:17Z after a secondary limit"}},
		{"secondary without Retry-After", 403, used(10), secondaryWords,
			settled{true, "core", 0, 4990, "pool default is silent until 2026-11-23T12:01:00Z after a secondary limit"}},
		{"secondary until a date", 429, with(used(10), "Retry-After", "Mon, 23 Nov 2026 12:02:00 GMT"), secondaryWords,
			settled{true, "core", 0, 4990, "pool default is silent until 2026-11-23T12:02:00Z after a secondary limit"}},

		{"bad credentials, and the budget of our address", 401, headers(Report{"core", 60, 60, 0, half}), badCredentials,
			settled{true, "core", 0, 0, "no credential of pool default is in service: GitHub answered 401 Bad credentials"}},
		{"another 401", 401, headers(Report{"core", 60, 60, 0, half}), needsJWT, settled{false, "core", 0, 4990, "a"}},
	} {
		w := newWorld(t, named("a")...)
		w.tell(core(10, half))
		v := w.lease().Settle(tt.status, tt.h, []byte(tt.body))
		got := settled{v.Rejected, v.Resource, v.Points, w.Budget("github.com", "default", "core").Remaining, w.who()}
		if got != tt.want {
			t.Errorf("%s:\n got %+v\nwant %+v", tt.name, got, tt.want)
		}
	}
}

// What spends no budget is settled too, and told of nothing.
func TestSettleWithoutBudget(t *testing.T) {
	w := newWorld(t, named("a")...)
	if v := w.lease(of("")).Settle(200, http.Header{}, nil); v != (Verdict{}) {
		t.Errorf("git: %+v", v)
	}
	if v := w.lease(of("")).Settle(429, http.Header{"Content-Type": {"text/plain"}}, []byte("later")); !v.Rejected {
		t.Errorf("git, told to wait: %+v", v)
	}
	if got, want := w.who(of("")), "pool default is silent until 2026-11-23T12:01:00Z after a secondary limit"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := w.Standings()[0].Budgets; len(got) != 0 {
		t.Errorf("budgets of nothing: %v", got)
	}
}

// An error that tells no limit does not mean that there is none, as an answer does.
func TestOnlyAnswersTellThatThereIsNoLimit(t *testing.T) {
	for _, tt := range []struct {
		status int
		body   string
		want   int
	}{{502, "", 10}, {404, `{"message":"Not Found"}`, 10}, {403, permission, 10}, {200, "{}", 30}} {
		w := newWorld(t, named("a")...)
		w.lease(of("code_search")).Settle(tt.status, bare(), []byte(tt.body))
		leased := 0
		for range 30 {
			if _, err := w.Lease(w.want(of("code_search"))); err == nil {
				leased++
			}
		}
		if leased != tt.want {
			t.Errorf("after %d without headers %d requests are in flight, want %d", tt.status, leased, tt.want)
		}
	}
}

// A rejection that tells no reset one can believe is kept for a minute, also when what is
// in flight happens to use up the rest at that moment.
func TestARejectionIsKeptWhateverIsInFlight(t *testing.T) {
	w := newWorld(t, named("a")...)
	w.tell(core(4997, in(time.Hour)))
	rejected, other, flying := w.lease(), w.lease(), w.lease()
	other.Settle(200, headers(core(4999, in(time.Hour))), nil)
	rejected.Settle(403, headers(core(5000, time.Unix(1507651200000, 0))), []byte(primaryWords))
	flying.Release()
	if got, want := w.who(), "pool default is silent until 2026-11-23T12:01:00Z after a secondary limit"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// GraphQL's refusal is a 200; the request was not executed.
func TestSettleGraphQL(t *testing.T) {
	w := newWorld(t, named("a", "b")...)
	l := w.lease(of("graphql"))
	v := l.Settle(200, headers(Report{"graphql", 5000, 5000, 0, in(time.Hour)}), []byte(spentGraphQL))
	if want := (Verdict{Rejected: true, Resource: "graphql"}); v != want {
		t.Errorf("spent: %+v", v)
	}
	if l.Credential() != "a" || w.who(of("graphql")) != "b" || w.who() != "a" {
		t.Errorf("%s is spent; next %s, core %s", l.Credential(), w.who(of("graphql")), w.who())
	}
}

// Where no header tells of a budget, a result that was asked to does. Headers are believed
// before it, and either way it says what the query cost.
func TestSettleTellsOfRateLimit(t *testing.T) {
	asked, err := policy.Read(policy.Origin{GitHub: "github.com", Role: policy.RoleAPI}, "POST", "/graphql", "")
	if err != nil {
		t.Fatal(err)
	}
	d := asked.Carrying(nil, []byte(`{"query":"{rateLimit{cost limit remaining resetAt}}"}`)).Document
	const result = `{"data":{"rateLimit":{"cost":7,"limit":5000,"remaining":40,"resetAt":"2026-11-23T13:00:00Z"}}}`
	for name, tt := range map[string]struct {
		h    http.Header
		left int
	}{
		"alone":        {bare(), 40},
		"with headers": {headers(Report{"graphql", 5000, 4970, 30, in(time.Hour)}), 30},
	} {
		w := newWorld(t, named("a")...)
		l := w.lease(of("graphql"), func(w *Want) { w.RateLimit = d.RateLimit })
		if n := l.Reads(200, tt.h); n < 1<<20 {
			t.Errorf("%s: %d bytes of the result are asked for", name, n)
		}
		v := l.Settle(200, tt.h, []byte(result))
		if want := (Verdict{Resource: "graphql", Points: 7}); v != want {
			t.Errorf("%s: %+v", name, v)
		}
		if b := w.Budget("github.com", "default", "graphql"); b.Remaining != tt.left {
			t.Errorf("%s: %+v", name, b)
		}
	}
}

// However a lease is ended, the point comes back once, and nothing is learned twice.
func TestALeaseEndsOnce(t *testing.T) {
	half := in(30 * time.Minute)
	settle := func(l *Lease) { l.Settle(200, headers(core(11, half)), nil) }
	reject := func(l *Lease) { l.Settle(401, bare(), []byte(badCredentials)) }
	for name, ends := range map[string][]func(*Lease){
		"settle, settle":            {settle, settle},
		"settle, release":           {settle, (*Lease).Release},
		"release, settle":           {(*Lease).Release, settle},
		"release, release":          {(*Lease).Release, (*Lease).Release},
		"settle, settle rejected":   {settle, reject},
		"release, rejected, settle": {(*Lease).Release, reject, settle},
	} {
		w := newWorld(t, named("a")...)
		w.tell(core(10, half))
		other := w.lease()
		l := w.lease()
		for _, end := range ends {
			end(l)
		}
		if got := w.all[0].principal.budget("core").reserved; got != 1 || w.who() != "a" {
			t.Errorf("%s: %d points are reserved, want that of the other lease; next: %s", name, got, w.who())
		}
		other.Release()
	}
	w := newWorld(t, named("a")...)
	l := w.lease()
	settle(l)
	if v := l.Settle(200, headers(core(12, half)), nil); v != (Verdict{}) || w.Budget("github.com", "default", "core").Remaining != 4989 {
		t.Errorf("settled again: %+v", v)
	}
}

// A secondary limit silences whoever's token it is, for every resource and for git, until
// its time, and what is told of a shorter one meanwhile does not end it.
func TestSilenceEnds(t *testing.T) {
	same := policy.NewSecret("ghp_same")
	w := newWorld(t, Credential{Name: "a", Token: same}, Credential{Name: "a-git", Token: same}, Credential{Name: "b"})
	late := w.lease(liking("a-git"))
	w.lease(liking("a")).Settle(403, bare("Retry-After", "30"), []byte(secondaryWords))
	late.Settle(403, bare("Retry-After", "1"), []byte(secondaryWords))
	for _, tt := range []struct {
		after time.Duration
		who   string
	}{{0, "b"}, {29 * time.Second, "b"}, {time.Second, "a"}} {
		w.pass(tt.after)
		for _, resource := range []string{"core", "graphql", ""} {
			if got := w.who(of(resource)); got != tt.who {
				t.Errorf("%s after %s: %s, want %s", resource, w.at.Sub(noon()), got, tt.who)
			}
		}
	}
}

// A token that GitHub refused is asked again after ten minutes, by one request; the
// others are spared until that has its answer.
func TestADownCredentialIsRecheckedByOne(t *testing.T) {
	const down = "no credential of pool default is in service: GitHub answered 401 Bad credentials"
	w := newWorld(t, named("a")...)
	early := w.lease()
	w.lease().Settle(401, bare(), []byte(badCredentials))
	early.Settle(200, headers(core(1, in(time.Hour))), nil) // asked before the token was refused
	if got := w.who(); got != down {
		t.Errorf("refused: %s", got)
	}
	w.pass(recheckAfter - time.Second)
	if got := w.who(); got != down {
		t.Errorf("a second too early: %s", got)
	}
	w.pass(time.Second)
	for _, tt := range []struct {
		name string
		end  func(*Lease)
		want string
	}{
		{"no answer", (*Lease).Release, "a"},
		{"an error at the edge", func(l *Lease) { l.Settle(502, http.Header{}, nil) }, "a"},
		{"git says not found to who it does not know", func(l *Lease) { l.Settle(404, http.Header{}, nil) }, "a"},
		{"still refused", func(l *Lease) { l.Settle(401, bare(), []byte(badCredentials)) }, down},
	} {
		l := w.lease()
		if got := w.who(); got != down {
			t.Errorf("while one asks: %s", got)
		}
		tt.end(l)
		if got := w.who(); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	w.pass(recheckAfter)
	w.lease().Settle(404, headers(core(2, in(time.Hour))), nil)
	if got := w.who(); got != "a" || !w.Standings()[0].Up {
		t.Errorf("known again: %s", got)
	}
	l, other := w.lease(), w.lease()
	l.Release()
	other.Release()
}

// A late refusal of what was asked before the re-check takes the credential out again.
func TestALateRefusalCounts(t *testing.T) {
	w := newWorld(t, named("a")...)
	late := w.lease()
	w.lease().Settle(401, bare(), []byte(badCredentials))
	w.pass(recheckAfter)
	w.lease().Settle(200, bare(), nil)
	late.Settle(401, bare(), []byte(badCredentials))
	if w.Standings()[0].Up {
		t.Error("in service after a 401")
	}
}

func TestAuthorization(t *testing.T) {
	w := newWorld(t, Credential{Name: "a", Token: policy.NewSecret("ghp_x")})
	l := w.lease()
	for kind, want := range map[policy.Kind]string{
		policy.KindREST: "Bearer ghp_x", policy.KindGraphQL: "Bearer ghp_x", policy.KindUpload: "Bearer ghp_x",
		policy.KindGit: "Basic eC1hY2Nlc3MtdG9rZW46Z2hwX3g=", policy.KindLFS: "Basic eC1hY2Nlc3MtdG9rZW46Z2hwX3g=",
		policy.KindArchive: "Basic eC1hY2Nlc3MtdG9rZW46Z2hwX3g=", policy.KindOther: "Basic eC1hY2Nlc3MtdG9rZW46Z2hwX3g=",
	} {
		if got := l.Authorization(kind); got != want {
			t.Errorf("%s: %s, want %s", kind, got, want)
		}
	}
}

// An identity is that of the header GitHub sees: of the token, whatever it is called.
func TestIdentity(t *testing.T) {
	same := policy.NewSecret("ghp_x")
	w := newWorld(t, Credential{Name: "a", Token: same}, Credential{Name: "b", Pool: "other", Token: same}, Credential{Name: "c", Pool: "third"})
	id := func(pool string) [32]byte { return w.lease(func(w *Want) { w.Pool = pool }).Identity() }
	if id("default") != id("other") || id("default") == id("third") {
		t.Error("identities do not go by token")
	}
}

package githubtest

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

// A restraint is all that keeps requests back. The server's mutex guards it.
type restraint struct {
	budgets    map[budgetKey]*budget
	rejections map[string]*Rejection // by whose budget it is, as paces
	paces      map[string]*pace
	walls      map[wall]bool
	limits     Limits
	latency    time.Duration

	unlimited    bool // as SetRateLimits(false)
	fullReadings bool // as SetFullReadings

	primaryRefusals, secondaryRefusals int
}

func newRestraint() restraint {
	return restraint{budgets: map[budgetKey]*budget{}, rejections: map[string]*Rejection{}, paces: map[string]*pace{}, walls: map[wall]bool{}}
}

// Limits are GitHub's secondary limits, each for one principal. What is zero is not limited.
type Limits struct {
	InFlight               int // requests at once, REST and GraphQL together
	PointsPerMinute        int // REST: a read is 1, a write 5
	GraphQLPointsPerMinute int // a query is 1, a mutation 5
	CreationsPerMinute     int // POST, PUT and mutations
	CreationsPerHour       int
}

// DocumentedLimits are those of GitHub's documentation.
func DocumentedLimits() Limits {
	return Limits{InFlight: 100, PointsPerMinute: 900, GraphQLPointsPerMinute: 2000, CreationsPerMinute: 80, CreationsPerHour: 500}
}

// blockedFor is how long a principal that went beyond a limit is refused everything:
// Retry-After is mostly a minute (observed).
const blockedFor = time.Minute

// EnforceLimits makes the server keep these limits from now on, over every minute
// and hour, wherever it begins. Who goes beyond one is under a secondary limit for
// a minute, and who creates too much may not create for a minute. The zero Limits,
// which a server has to begin with, end it.
func (s *Server) EnforceLimits(limits Limits) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limits = limits
	for _, p := range s.paces {
		*p = pace{inFlight: p.inFlight, peak: p.peak}
	}
}

// SetLatency makes every answer take this long by the server's own waiting, while the request
// counts as in flight. A client that leaves ends the wait, and nothing is done.
func (s *Server) SetLatency(latency time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.latency = latency
}

// dawdle waits as SetLatency says.
func (s *Server) dawdle(r *http.Request) {
	s.mu.Lock()
	latency := s.latency
	s.mu.Unlock()
	if latency <= 0 {
		return
	}
	timer := time.NewTimer(latency)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
		panic(http.ErrAbortHandler)
	}
}

// PeakInFlight is the most API requests and uploads of a principal that were ever under way at once.
func (s *Server) PeakInFlight(principal string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pace(s.mustOwner(principal)).peak
}

// SecondaryRefusals is how many requests were ever refused for a secondary limit, played or enforced.
func (s *Server) SecondaryRefusals() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.secondaryRefusals
}

// PrimaryRefusals is how many requests were ever refused for a spent budget, or as if for one.
func (s *Server) PrimaryRefusals() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.primaryRefusals
}

// A pace is what one principal did lately.
type pace struct {
	inFlight, peak                    int
	rest, graphQL, perMinute, perHour window
	blocked, blockedFromCreating      time.Time // until when
}

// A window is what was spent in the last while.
type window struct {
	spent []spent // oldest first
	sum   int
}

type spent struct {
	at     time.Time
	points int
}

// takes adds points unless more than limit would have been spent within length.
func (w *window) takes(now time.Time, length time.Duration, limit, points int) bool {
	if limit <= 0 {
		return true
	}
	for len(w.spent) > 0 && now.Sub(w.spent[0].at) >= length {
		w.sum -= w.spent[0].points
		w.spent = w.spent[1:]
	}
	if w.sum+points > limit {
		return false
	}
	w.spent = append(w.spent, spent{now, points})
	w.sum += points
	return true
}

// pace is an owner's, made when there is none. The caller holds s.mu.
func (s *Server) pace(owner string) *pace {
	p := s.paces[owner]
	if p == nil {
		p = &pace{}
		s.paces[owner] = p
	}
	return p
}

// arrive counts a request in flight, until the function it returns is first called: when the
// answer begins, so that a client that has one may count itself out.
func (s *Server) arrive(r *http.Request, host string, rec *record) func() {
	if host != hostAPI && host != hostUploads {
		return func() {}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.pace(s.ownerOf(r))
	p.inFlight++
	p.peak = max(p.peak, p.inFlight)
	rec.crowded = s.limits.InFlight > 0 && p.inFlight > s.limits.InFlight
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		p.inFlight--
	})
}

// ownerOf is who a request claims to come from, before anything is checked.
func (s *Server) ownerOf(r *http.Request) string {
	v := viewer{ip: remoteIP(r)}
	c, ok := parseAuthorization(r.Header.Get("Authorization"))
	if !ok {
		return v.budgetOwner()
	}
	if t := s.tokens[c.token]; t != nil {
		v.login, v.token = t.login, t
	}
	if looksLikeJWT(c.token) {
		var claims struct{ Iss any }
		decodeJWTPart(strings.Split(c.token, ".")[1], &claims)
		v.app = s.appIssuing(claims.Iss)
	}
	return v.budgetOwner()
}

// overLimits is the refusal of a request beyond the limits that are enforced, or nil. The caller holds s.mu.
func (s *Server) overLimits(r *http.Request, v viewer, rec *record, body []byte) *answer {
	if s.limits == (Limits{}) {
		return nil
	}
	now, p := s.now(), s.pace(v.budgetOwner())
	if now.Before(p.blocked) {
		return s.secondaryRefusal(Rejection{Kind: SecondaryLimit, Until: p.blocked, counting: true}, false)
	}
	points, creates := weigh(r, body)
	paid := !rec.crowded
	switch {
	case !paid:
	case r.URL.Path == "/graphql":
		paid = p.graphQL.takes(now, time.Minute, s.limits.GraphQLPointsPerMinute, points)
	default:
		paid = p.rest.takes(now, time.Minute, s.limits.PointsPerMinute, points)
	}
	if !paid {
		p.blocked = now.Add(blockedFor)
		return s.secondaryRefusal(Rejection{Kind: SecondaryLimit, Until: p.blocked, counting: true}, false)
	}
	if !creates {
		return nil
	}
	if !now.Before(p.blockedFromCreating) {
		if p.perMinute.takes(now, time.Minute, s.limits.CreationsPerMinute, 1) && p.perHour.takes(now, time.Hour, s.limits.CreationsPerHour, 1) {
			return nil
		}
		p.blockedFromCreating = now.Add(blockedFor)
	}
	return s.secondaryRefusal(Rejection{Kind: CreationLimit, Until: p.blockedFromCreating, counting: true}, false)
}

// weigh is what a request counts for the secondary limits (documented), and whether it
// creates content.
func weigh(r *http.Request, body []byte) (points int, creates bool) {
	switch {
	case r.URL.Path == "/graphql":
		if mutates(body) {
			return 5, true
		}
		return 1, false
	case r.Method == http.MethodGet, r.Method == http.MethodHead, r.Method == http.MethodOptions:
		return 1, false
	}
	return 5, writesContent(r)
}

// writesContent leaves out what mints a token, which makes nothing that anybody sees.
func writesContent(r *http.Request) bool {
	return (r.Method == http.MethodPost || r.Method == http.MethodPut) && !strings.HasPrefix(r.URL.Path, "/app/")
}

// mutates reports whether the operation of a GraphQL request is a mutation.
func mutates(body []byte) bool {
	var in struct {
		Query         string
		OperationName string `json:"operationName"`
	}
	if json.Unmarshal(body, &in) != nil {
		return false
	}
	document, err := parser.ParseQuery(&ast.Source{Input: in.Query})
	if err != nil {
		return false
	}
	operation := document.Operations.ForName(in.OperationName)
	return operation != nil && operation.Operation == ast.Mutation
}

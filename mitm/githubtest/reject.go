package githubtest

import (
	"math"
	"net/http"
	"strconv"
	"time"
)

// A RejectionKind is one of the ways GitHub refuses requests for being too many.
type RejectionKind int

// The kinds, in the words documented or observed.
const (
	PrimaryLimit   RejectionKind = iota // the budget is spent: X-RateLimit-Remaining is 0
	SecondaryLimit                      // something else was too much, and the budget is not spent
	CreationLimit                       // too much content was created: only writes are refused
)

// A Rejection refuses a principal's API requests, whatever it has left.
type Rejection struct {
	Kind RejectionKind
	// Status is 403 unless it says otherwise: 429 is documented too.
	Status int
	// GraphQLStatus is that of GraphQL answers. It is 200 for a primary limit unless it
	// says otherwise, and Status for the others: a secondary limit may be 200 too, and then only its
	// message tells (documented).
	GraphQLStatus int
	// Header is set on the answers last, in place of what they have: Retry-After as seconds, a date, blank
	// or junk, another X-RateLimit-Reset. Without it there is no Retry-After.
	Header map[string]string
	// Resource limits it to one resource, search for one.
	Resource string
	// Times ends it after so many requests, and Until at that time by the server's
	// clock. Where they are zero, Accept does.
	Times int
	Until time.Time

	counting bool // Retry-After counts down to Until
}

// Reject refuses a principal's requests from now on, in place of any Rejection before.
func (s *Server) Reject(principal string, how Rejection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rejections[s.mustOwner(principal)] = &how
}

// Accept ends a Rejection.
func (s *Server) Accept(principal string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.rejections, s.mustOwner(principal))
}

// Secondary puts a principal under a secondary rate limit: its API requests are
// refused with status (403 or 429) for retryAfter, which a Retry-After header counts
// down, or for a minute without any such header when that is nil, as was observed in
// the first seconds of a block. Status 0 ends it.
func (s *Server) Secondary(principal string, retryAfter *time.Duration, status int) {
	if status == 0 {
		s.Accept(principal)
		return
	}
	lasts := time.Minute
	if retryAfter != nil {
		lasts = *retryAfter
	}
	s.Reject(principal, Rejection{Kind: SecondaryLimit, Status: status, Until: s.now().Add(lasts), counting: retryAfter != nil})
}

// throttled is the refusal for a limit that a viewer is under, or nil. The caller holds s.mu.
func (s *Server) throttled(r *http.Request, v viewer, rec *record, resource string, body []byte) *answer {
	if a := s.rejected(r, v, resource, body); a != nil {
		return a
	}
	return s.overLimits(r, v, rec, body)
}

func (s *Server) rejected(r *http.Request, v viewer, resource string, body []byte) *answer {
	owner := v.budgetOwner()
	how := s.rejections[owner]
	if how == nil || how.Resource != "" && how.Resource != resource {
		return nil
	}
	switch _, creates := weigh(r, body); {
	case how.Kind == CreationLimit && !creates:
		return nil
	case !how.Until.IsZero() && !s.now().Before(how.Until):
		delete(s.rejections, owner)
		return nil
	}
	if how.Times--; how.Times == 0 {
		delete(s.rejections, owner)
	}
	onGraphQL := r.URL.Path == "/graphql"
	if how.Kind != PrimaryLimit {
		return s.secondaryRefusal(*how, onGraphQL)
	}
	var a *answer
	switch {
	case !onGraphQL:
		a = s.exhausted(v).answered(how.Status)
	case how.GraphQLStatus == 0 || how.GraphQLStatus == http.StatusOK:
		a = s.exhaustedGraphQL(v)
	default:
		a = s.exhausted(v).answered(how.GraphQLStatus)
	}
	a.spent = true
	return a.with(how.Header)
}

// The words of a secondary limit (observed).
const (
	secondaryText = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
	creationText  = "You have exceeded a secondary rate limit and have been temporarily blocked from content creation. Please retry your request again later."
	docSecondary  = "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"
)

// secondaryRefusal is a refusal for any limit but the primary one.
func (s *Server) secondaryRefusal(how Rejection, onGraphQL bool) *answer {
	s.secondaryRefusals++
	text := secondaryText + " If you reach out to GitHub Support for help, please include the request ID " + s.requestID() + "."
	if how.Kind == CreationLimit {
		text = creationText
	}
	status := how.Status
	if onGraphQL && how.GraphQLStatus != 0 {
		status = how.GraphQLStatus
	}
	if status == http.StatusOK {
		return graphQLReply(object{{"data", nil}, {"errors", []object{{{"message", text}}}}}).with(how.Header)
	}
	a := refuse(http.StatusForbidden, text, docSecondary).answered(status)
	if how.counting {
		left := how.Until.Sub(s.now()).Seconds()
		a.header.Set("Retry-After", strconv.Itoa(int(math.Ceil(left))))
	}
	return a.with(how.Header)
}

// answered makes a refusal one with another status, which its body names too.
func (a *answer) answered(status int) *answer {
	if status == 0 || status == a.status {
		return a
	}
	return refuse(status, a.message, a.doc)
}

// with sets headers last of all, X-RateLimit-… included.
func (a *answer) with(header map[string]string) *answer {
	a.last = header
	return a
}

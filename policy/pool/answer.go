package pool

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A meaning is what an answer says of the credential it was sent with.
type meaning uint8

const (
	answered meaning = iota // nothing: it is about the request, whatever its status
	unknown                 // GitHub does not know the token
	spent                   // a primary limit: nothing is left until the reset
	silenced                // a secondary limit: GitHub wants to hear nothing for a while

	tooDear // a query costs more than is left, which may do for others

	turnedAway // the owner will not have it: an IP allow list, single sign-on
	suspended  // the installation is
)

// mayRefuse reports whether the body of an answer has to be read to know if GitHub
// executed the request: 401, 403 and 429, and any 200 from GraphQL, whose secondary limits
// may be told in words alone.
func mayRefuse(status int, h http.Header) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests:
		return true
	case http.StatusOK:
		return h.Get("X-Ratelimit-Resource") == "graphql"
	}
	return false
}

// Reads is how much of the body of an answer to this lease's request Settle has to have,
// in bytes of plain text; 0 for none. A refusal is short. What a query cost may stand
// anywhere in its result, which comes from GitHub in one piece anyway.
func (l *Lease) Reads(status int, h http.Header) int64 {
	const refusal, result = 16 << 10, 1 << 20
	switch {
	case l.rateLimit != nil && status == http.StatusOK:
		return result
	case mayRefuse(status, h), l.resource == "graphql" && status == http.StatusOK: // older Enterprise Servers do not name the resource
		return refusal
	}
	return 0
}

// blind reports whether it was not known whose account a GraphQL request is about, for a
// credential that sees one account only.
func (l *Lease) blind() bool { return l.resource == "graphql" && l.c.app != nil && l.owner == "" }

// foundNothing reports whether GraphQL did nothing because nothing of what was asked for
// by id is there.
func foundNothing(body []byte) bool {
	var answer struct {
		Data   map[string]json.RawMessage `json:"data"`
		Errors []struct {
			Type string `json:"type"`
		} `json:"errors"`
	}
	if json.Unmarshal(body, &answer) != nil || len(answer.Errors) == 0 {
		return false
	}
	for _, value := range answer.Data {
		if string(value) != "null" {
			return false
		}
	}
	for _, e := range answer.Errors {
		if e.Type != "NOT_FOUND" {
			return false
		}
	}
	return true
}

func nothingRemains(h http.Header) bool { return h.Get("X-Ratelimit-Remaining") == "0" }

// meaningOf reads an answer. body is its beginning, where Lease.Reads asks for it.
func meaningOf(status int, h http.Header, body []byte) meaning {
	switch status {
	case http.StatusUnauthorized:
		if isBadCredential(h, body) {
			return unknown
		}
	case http.StatusForbidden, http.StatusTooManyRequests:
		if m := limitOf(status, h, body); m != answered || status != http.StatusForbidden {
			return m
		}
		return standingOf(h, body)
	case http.StatusOK:
		if resource := h.Get("X-Ratelimit-Resource"); resource == "graphql" || resource == "" {
			return limitOfGraphQL(h, body)
		}
	}
	return answered
}

// isBadCredential reports whether a 401 says that GitHub does not know the token. Others
// say that an endpoint wants another kind of credential, which is no fault of this one.
// Where there is no JSON to read (HEAD, git) the challenge alone has to do.
func isBadCredential(h http.Header, body []byte) bool {
	return !strings.HasPrefix(h.Get("Content-Type"), "application/json") || len(body) == 0 ||
		bytes.Contains(body, []byte("Bad credentials"))
}

// limitOf tells a rate limit from a 403 about something else, and a primary one from a
// secondary, in the order of GitHub's documentation ("Exceeding the rate limit"):
// Retry-After, then nothing remaining, then the words. Observed secondary limits have
// had neither of the first two, and a permission that is missing is told with nothing
// remaining when the question took the last point.
func limitOf(status int, h http.Header, body []byte) meaning {
	words := bytes.ToLower(body)
	says := func(text string) bool { return bytes.Contains(words, []byte(text)) }
	switch {
	case strings.TrimSpace(h.Get("Retry-After")) != "", says("secondary rate limit"), says("abuse detection"):
		return silenced
	case nothingRemains(h) && (status == http.StatusTooManyRequests || len(body) == 0 || says("rate limit")):
		return spent
	case status == http.StatusTooManyRequests, says("rate limit exceeded"):
		return silenced
	}
	return answered
}

// standingOf tells what a 403 says of the credential itself (github-facts 3.6, 3.7). An
// installation's token outlives its suspension; an allow list knows octopool's address
// and not the client's; a token that has not been through single sign-on sees nothing.
func standingOf(h http.Header, body []byte) meaning {
	switch {
	case bytes.Contains(body, []byte("installation has been suspended")):
		return suspended
	case bytes.Contains(body, []byte("IP allow list enabled")),
		strings.HasPrefix(strings.TrimSpace(h.Get("X-Github-Sso")), "required"):
		return turnedAway
	}
	return answered
}

// limitOfGraphQL recognises a limit as GraphQL tells it: a 200 with errors and no data
// (GitHub's documentation, "Rate limits and query limits for the GraphQL API"). The
// query that took the last point has nothing remaining either, but it has data. Observed
// instead of the documented RATE_LIMITED: RATE_LIMIT, with a code (githubkit's issue 271),
// and either with points remaining, for a query that costs more (octokit's
// plugin-throttling, issue 632).
func limitOfGraphQL(h http.Header, body []byte) meaning {
	var answer struct {
		Data   json.RawMessage `json:"data"`
		Errors []struct {
			Type    string `json:"type"`
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"errors"`
	}
	if !bytes.Contains(body, []byte(`"errors"`)) || json.Unmarshal(body, &answer) != nil || len(answer.Data) > 0 && string(answer.Data) != "null" {
		return answered
	}
	for _, e := range answer.Errors {
		limited := e.Type == "RATE_LIMITED" || e.Type == "RATE_LIMIT" || e.Code == "graphql_rate_limit"
		switch words := strings.ToLower(e.Message); {
		case strings.Contains(words, "secondary rate limit"):
			return silenced
		case !limited:
		case nothingRemains(h):
			return spent
		case strings.TrimSpace(h.Get("Retry-After")) != "":
			return silenced
		case strings.Contains(words, "already exceeded"): // before this query was looked at
			return spent
		default:
			return tooDear
		}
	}
	return answered
}

// silence is how long GitHub wants to hear nothing after a secondary limit:
// Retry-After, in seconds or as a date, and a minute when it does not say, twice as long
// after each that came before (GitHub's documentation, "Best practices"). It is never
// nothing, so that a request that was rejected is not sent with the same credential at
// once, and never more than an hour: then one request may ask again.
func silence(h http.Header, before int, now time.Time) time.Duration {
	const shortest, unsaid, longest = time.Second, time.Minute, time.Hour
	text := strings.TrimSpace(h.Get("Retry-After"))
	seconds, err := strconv.ParseUint(text, 10, 30)
	if err == nil || errors.Is(err, strconv.ErrRange) { // what is out of range is the largest
		return min(max(time.Duration(seconds)*time.Second, shortest), longest)
	}
	if date, err := http.ParseTime(text); err == nil {
		return min(max(date.Sub(now), shortest), longest)
	}
	return min(unsaid<<min(before, 6), longest)
}

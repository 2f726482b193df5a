package pool

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// The bodies GitHub refuses with, as observed.
const (
	primaryWords   = `{"message":"API rate limit exceeded for user ID 583231. If you reach out to GitHub Support for help, please include the request ID","documentation_url":"https://docs.github.com/rest/overview/rate-limits-for-the-rest-api","status":"403"}`
	secondaryWords = `{"message":"You have exceeded a secondary rate limit. Please wait a few minutes before you try again.","documentation_url":"https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits","status":"403"}`
	creationWords  = `{"message":"You have exceeded a secondary rate limit and have been temporarily blocked from content creation. Please retry your request again later."}`
	abuseWords     = `{"message":"You have triggered an abuse detection mechanism. Please wait a few minutes before you try again.","documentation_url":"https://developer.github.com/v3/#abuse-rate-limits"}`
	permission     = `{"message":"Resource not accessible by personal access token","documentation_url":"https://docs.github.com/rest/issues/issues#create-an-issue","status":"403"}`
	badCredentials = `{"message":"Bad credentials","documentation_url":"https://docs.github.com/rest","status":"401"}`
	needsJWT       = `{"message":"A JSON web token could not be decoded","documentation_url":"https://docs.github.com/rest","status":"401"}`
	spentGraphQL   = `{"errors":[{"type":"RATE_LIMITED","message":"API rate limit exceeded for user ID 583231."}]}`
)

func TestMeaning(t *testing.T) {
	left := func(n string, more ...string) http.Header {
		return bare(append(more, "X-RateLimit-Remaining", n, "X-RateLimit-Resource", "core")...)
	}
	graphql := func(n string, more ...string) http.Header {
		return bare(append(more, "X-RateLimit-Remaining", n, "X-RateLimit-Resource", "graphql")...)
	}
	names := map[meaning]string{answered: "answered", unknown: "unknown", spent: "spent", silenced: "silenced", tooDear: "too dear"}
	for _, tt := range []struct {
		name   string
		status int
		h      http.Header
		body   string
		want   meaning
	}{
		{"200", 200, left("10"), "{}", answered},
		{"200 with the last point", 200, left("0"), primaryWords, answered},
		{"304", 304, left("0"), "", answered},
		{"404", 404, left("0"), `{"message":"Not Found"}`, answered},
		{"422 that speaks of limits", 422, left("0"), secondaryWords, answered},
		{"503", 503, bare("Retry-After", "1"), "", answered},

		{"401 bad credentials", 401, left("59"), badCredentials, unknown},
		{"401 for git", 401, http.Header{"Www-Authenticate": {`Basic realm="GitHub"`}, "Content-Type": {"text/plain"}}, "", unknown},
		{"401 for git in words", 401, http.Header{"Content-Type": {"text/plain"}}, "Invalid username or token.", unknown},
		{"401 to HEAD", 401, bare(), "", unknown},
		{"401 of another kind", 401, bare(), needsJWT, answered},

		{"403 primary", 403, left("0"), primaryWords, spent},
		{"429 primary", 429, left("0"), primaryWords, spent},
		{"429 with nothing left and other words", 429, left("0"), "slow down", spent},
		{"403 to HEAD with nothing left", 403, left("0"), "", spent},
		{"403 primary that says how long", 403, left("0", "Retry-After", "5"), primaryWords, silenced},
		{"403 primary with something left", 403, left("3"), primaryWords, silenced},
		{"403 primary without headers", 403, bare(), primaryWords, silenced},

		{"403 secondary", 403, left("14", "Retry-After", "60"), secondaryWords, silenced},
		{"403 secondary without Retry-After", 403, left("14"), secondaryWords, silenced},
		{"403 secondary with a blank Retry-After", 403, left("14", "Retry-After", " "), secondaryWords, silenced},
		{"403 secondary with nothing left", 403, left("0"), secondaryWords, silenced},
		{"403 secondary in other words", 403, left("14", "Retry-After", "60"), `{"message":"Later."}`, silenced},
		{"403 secondary, content creation", 403, left("14"), creationWords, silenced},
		{"403 secondary of old", 403, left("14"), abuseWords, silenced},
		{"403 secondary to HEAD", 403, left("14", "Retry-After", "60"), "", silenced},
		{"429 secondary", 429, left("14"), secondaryWords, silenced},
		{"429 in plain text", 429, http.Header{"Content-Type": {"text/plain"}}, "Too many requests", silenced},

		{"403 about permission", 403, left("14"), permission, answered},
		{"403 about permission with the last point", 403, left("0"), permission, answered},
		{"403 for git", 403, http.Header{"Content-Type": {"text/plain"}}, "Write access to repository not granted.", answered},
		{"403 with nothing at all", 403, http.Header{}, "", answered},

		{"GraphQL spent", 200, graphql("0"), spentGraphQL, spent},
		{"GraphQL spent, data null", 200, graphql("0"), `{"data":null,"errors":[{"type":"RATE_LIMITED"}]}`, spent},
		{"GraphQL spent, second error", 200, graphql("0"), `{"errors":[{"message":"x"},{"type":"RATE_LIMITED"}]}`, spent},
		{"GraphQL secondary", 200, graphql("4000", "Retry-After", "60"), strings.Replace(spentGraphQL, "API rate limit exceeded", "You have exceeded a secondary rate limit", 1), silenced},
		{"GraphQL secondary in words alone", 200, graphql("4000"), `{"data":null,"errors":[{"message":"You have exceeded a secondary rate limit. Please wait"}]}`, silenced},
		{"GraphQL limited for a while", 200, graphql("4000", "Retry-After", "60"), spentGraphQL, silenced},
		{"GraphQL secondary as 403", 403, graphql("4000", "Retry-After", "60"), secondaryWords, silenced},
		{"GraphQL's last point", 200, graphql("0"), `{"data":{"viewer":{"login":"RATE_LIMITED"}}}`, answered},
		{"GraphQL's last point, in part", 200, graphql("0"), `{"data":{"a":null},"errors":[{"type":"RATE_LIMITED"}]}`, answered},
		{"GraphQL's last point, another error", 200, graphql("0"), `{"errors":[{"type":"NOT_FOUND","message":"Could not resolve"}]}`, answered},
		{"GraphQL, cut off", 200, graphql("0"), spentGraphQL[:40], answered},
		{"GraphQL, not JSON", 200, graphql("0"), "<html>", answered},
		{"GraphQL, dearer than what is left", 200, graphql("10"), spentGraphQL, tooDear},
		{"GraphQL, dearer than what is left, of no name", 200, bare("X-RateLimit-Remaining", "10"), spentGraphQL, tooDear},
		{"GraphQL spent, as observed", 200, graphql("0"), `{"errors":[{"type":"RATE_LIMIT","code":"graphql_rate_limit","message":"API rate limit already exceeded for user ID 1."}]}`, spent},
		{"GraphQL spent, as observed, with points left", 200, graphql("4"), `{"errors":[{"type":"RATE_LIMIT","code":"graphql_rate_limit","message":"API rate limit already exceeded for user ID 1."}]}`, spent},
		{"GraphQL spent, by its code", 200, graphql("0"), `{"errors":[{"code":"graphql_rate_limit"}]}`, spent},
		{"GraphQL, a secondary limit of blank silence", 200, graphql("10", "Retry-After", " "), spentGraphQL, tooDear},
		{"REST's words in a 200", 200, bare("X-RateLimit-Remaining", "0", "X-RateLimit-Resource", "core"), spentGraphQL, answered},
	} {
		if got := meaningOf(tt.status, tt.h, []byte(tt.body)); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, names[got], names[tt.want])
		}
		if l := (&Lease{resource: "graphql"}); tt.want != answered && l.Reads(tt.status, tt.h) < int64(len(tt.body)) {
			t.Errorf("%s: its body is not asked for", tt.name)
		}
	}
}

// Only what may be a refusal is read before it is passed on.
func TestMayRefuse(t *testing.T) {
	for _, tt := range []struct {
		status              int
		resource, remaining string
		want                bool
	}{
		{200, "core", "0", false}, {200, "graphql", "1", true}, {200, "graphql", "0", true}, {200, "", "", false}, {304, "core", "0", false},
		{404, "core", "0", false}, {500, "graphql", "0", false}, {401, "", "", true}, {403, "", "", true}, {429, "", "", true},
	} {
		h := bare("X-RateLimit-Resource", tt.resource, "X-RateLimit-Remaining", tt.remaining)
		if got := mayRefuse(tt.status, h); got != tt.want {
			t.Errorf("%d %s %s: %v", tt.status, tt.resource, tt.remaining, got)
		}
	}
}

func TestSilence(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"60": time.Minute, " 7 ": 7 * time.Second, "0": time.Second, "1": time.Second, "3600": time.Hour, "3601": time.Hour,
		"99999999999999999999999999": time.Hour,
		"":                           time.Minute, "soon": time.Minute, "-5": time.Minute, "1.5": time.Minute, "1e3": time.Minute,
		"Mon, 23 Nov 2026 12:02:00 GMT":    2 * time.Minute,
		"Monday, 23-Nov-26 12:02:00 GMT":   2 * time.Minute,
		"Mon Nov 23 12:02:00 2026":         2 * time.Minute,
		"Mon, 23 Nov 2026 11:00:00 GMT":    time.Second,
		"Tue, 23 Nov 2027 12:00:00 GMT":    time.Hour,
		"Mon, 23 Nov 2026 12:02:00 +01:00": time.Minute,
	} {
		if got := silence(http.Header{"Retry-After": {text}}, 0, noon()); got != want {
			t.Errorf("Retry-After: %s is %s, want %s", text, got, want)
		}
	}
}

// A Retry-After says at least a second and at most an hour, whatever it says.
func FuzzSilence(f *testing.F) {
	for _, seed := range []string{"60", "0", "-1", "", "Mon, 23 Nov 2026 12:02:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0001 00:00:00 GMT", "18446744073709551616", "１"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := silence(http.Header{"Retry-After": {text}}, 0, noon())
		if got < time.Second || got > time.Hour {
			t.Errorf("Retry-After: %q is %s", text, got)
		}
	})
}

// The exchange sends a rejected request again until no lease is left: that ends only
// if no rejection leaves its credential to be leased again at once for what was spent.
func FuzzRejectedIsNotLeasedAgain(f *testing.F) {
	for i, body := range []string{primaryWords, secondaryWords, creationWords, abuseWords, permission, badCredentials, needsJWT, spentGraphQL, ""} {
		for _, status := range []int{200, 401, 403, 429} {
			f.Add(status, "core", fmt.Sprint(i), "0", "1795438800", "", body)
			f.Add(status, "graphql", "10", "0", "1507651200000", "0", body)
		}
	}
	f.Fuzz(func(t *testing.T, status int, resource, used, remaining, reset, retryAfter, body string) {
		for _, wanted := range []string{"core", "graphql", ""} {
			w := newWorld(t, named("a")...)
			w.tell(Report{"core", 100, 10, 90, in(time.Hour)})
			h := bare("X-RateLimit-Resource", resource, "X-RateLimit-Limit", "100", "X-RateLimit-Used", used, "X-RateLimit-Remaining", remaining, "X-RateLimit-Reset", reset)
			if retryAfter != "" {
				h.Set("Retry-After", retryAfter)
			}
			v := w.lease(of(wanted)).Settle(status, h, []byte(body))
			if _, err := w.Lease(w.want(of(cmp.Or(v.Resource, wanted)))); v.Rejected && err == nil {
				t.Errorf("rejected and leased again at once: %d %v %s", status, h, body)
			}
			w.pass(farthest)
			if who := w.who(of(wanted)); who != "a" {
				t.Errorf("still not leased after %s: %s", farthest, who)
			}
		}
	})
}

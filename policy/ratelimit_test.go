package policy_test

import (
	"fmt"
	"testing"
	"time"

	"octopool/policy"
)

// rateLimitOf is where a document's result will tell what it cost.
func rateLimitOf(t testing.TB, text string) *policy.RateLimit {
	t.Helper()
	d := carrying(t, "", document(text)).Document
	if d.Unread != "" {
		t.Fatalf("%s: %s", text, d.Unread)
	}
	return d.RateLimit
}

// A result tells its cost by the names that the document gives, and only where the document
// asks for it: other fields by these names are no cost.
func TestCostInResults(t *testing.T) {
	const reset = `"resetAt":"2026-11-23T13:00:00Z"`
	for _, tt := range []struct{ text, result, want string }{
		{"{rateLimit{cost}}", `{"data":{"rateLimit":{"cost":7}}}`, "7 points"},
		{"{viewer{login}rateLimit{cost}}", `{"errors":[{"a":{"data":1}}],"data":{"viewer":{"rateLimit":{"cost":1}},"rateLimit":{"cost":7}}}`, "7 points"},
		{"{r:rateLimit{c:cost}}", `{"data":{"r":{"c":7}}}`, "7 points"},
		{"{...F}fragment F on Query{rateLimit{...G}}fragment G on RateLimit{cost}", `{"data":{"rateLimit":{"cost":7}}}`, "7 points"},
		{"{rateLimit{cost limit used remaining resetAt}}", `{"data":{"rateLimit":{"cost":7,"limit":5000,"used":9,"remaining":4991,` + reset + `}}}`, "7 points, 9 of 5000 used, 4991 left until 13:00"},
		{"{rateLimit{limit remaining resetAt}}", `{"data":{"rateLimit":{"limit":5000,"remaining":4991,` + reset + `}}}`, "0 points, 9 of 5000 used, 4991 left until 13:00"},
		{"{rateLimit{limit remaining}}", `{"data":{"rateLimit":{"limit":5000,"remaining":4991}}}`, "nothing"},
		{"{rateLimit{cost}viewer{login}}", `{"data":{"rateLimit":{"cost":7},"viewer":{"lo`, "7 points"},
		{"{viewer{login}rateLimit{cost}}", `{"data":{"viewer":{"login":"a"},"rateLimit":{"co`, "nothing"},
		{"{rateLimit{cost}}", `{"data":{"rateLimit":null}}`, "nothing"},
		{"{rateLimit{cost}}", `{"data":null,"errors":[]}`, "nothing"},
		{"{rateLimit{cost}}", `{"data":{"rateLimit":{"cost":-7}}}`, "nothing"},
		{"{rateLimit{cost}}", `{"data":{"rateLimit":{"cost":1e99}}}`, "nothing"},
		{"{rateLimit{cost}}", `{"data":{"rateLimit":{"cost":"7"}}}`, "nothing"},
		{"{rateLimit{cost}}", `nonsense`, "nothing"},
		{"{rateLimit{cost}}", ``, "nothing"},
		{"{rateLimit{cost:limit}}", `{"data":{"rateLimit":{"cost":5000}}}`, "nothing"},
		{"{rateLimit{viewer:cost}}", `{"data":{"rateLimit":{"viewer":7}}}`, "7 points"},

		// Not asked for, or not for sure.
		{"{viewer{login}}", "", "no"},
		{`{rateLimit:repository(owner:"a",name:"b"){cost:forkCount}}`, "", "no"},
		{"{viewer{rateLimit{cost}}}", "", "no"},
		{"{rateLimit(dryRun:true){cost}}", "", "no"},
		{"query($d:Boolean){rateLimit(dryRun:$d){cost}}", "", "no"},
		{"{a:rateLimit{cost}b:rateLimit{cost}}", "", "no"},
		{"query A{rateLimit{cost}}query B{rateLimit{cost}}", "", "no"},
		{"#\r{rateLimit{cost}}", "", "no"},
		{"mutation{rateLimit{cost}}", "", "no"},
	} {
		got := "no"
		if l := rateLimitOf(t, tt.text); l != nil {
			got = "nothing"
			if s, ok := l.In([]byte(tt.result)); ok {
				got = fmt.Sprintf("%d points", s.Cost)
				if !s.Reset.IsZero() {
					got += fmt.Sprintf(", %d of %d used, %d left until %s", s.Used, s.Limit, s.Remaining, s.Reset.Format("15:04"))
				}
			}
		}
		if got != tt.want {
			t.Errorf("%s, %s: %s, want %s", tt.text, tt.result, got, tt.want)
		}
	}
}

// Whatever a result says, what is taken from it makes sense.
func FuzzCostInResults(f *testing.F) {
	f.Add(`{"data":{"rateLimit":{"cost":7,"limit":5000,"used":9,"remaining":4991,"resetAt":"2026-11-23T13:00:00Z"}}}`)
	f.Add(`{"errors":[],"data":{"a":{"rateLimit":1},"rateLimit":{"cost":1,"cost":2}`)
	f.Add(`{"data":{"rateLimit":{"limit":-1,"remaining":1e400,"resetAt":"9999-99-99"}}}`)
	l := rateLimitOf(f, "{rateLimit{cost limit used remaining resetAt}}")
	f.Fuzz(func(t *testing.T, result string) {
		s, ok := l.In([]byte(result))
		if ok == (s.Cost == 0 && s.Reset.IsZero()) || min(s.Cost, s.Limit, s.Used, s.Remaining) < 0 || s.Reset.Location() != time.UTC || s.Reset.IsZero() && s.Limit+s.Used+s.Remaining > 0 {
			t.Errorf("%v %+v", ok, s)
		}
	})
}

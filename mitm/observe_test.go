package mitm_test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"octopool/mitm"
)

// lines is the log without what differs each time.
func (s *setup) lines() string {
	text := regexp.MustCompile(`time=\S+ `).ReplaceAllString(s.logged(), "")
	text = regexp.MustCompile(`took=\S+`).ReplaceAllString(text, "took=T")
	return regexp.MustCompile(`request_id=[0-9A-F:]+`).ReplaceAllString(text, "request_id=ID")
}

// Each request is one line that says whose it was, what it was, how it was answered and
// what it cost. None has a query or a token.
func TestOneLineForEachRequest(t *testing.T) {
	s := start(t, withScopes("* /repos/acme/web/**", "git:read acme/*"))
	c := s.client(ciToken)
	for _, ask := range []struct{ method, url, body string }{
		{"GET", "https://api.github.com/repos/acme/web/labels?page=1&secret=hunter2", ""},
		{"GET", "https://api.github.com/repos/acme/web/labels?secret=hunter2&page=1", ""},
		{"HEAD", "https://api.github.com/repos/acme/web/labels?page=1&secret=hunter2", ""},
		{"POST", "https://api.github.com/repos/acme/web/issues", `{"title":"hunter2"}`},
		{"GET", "https://api.github.com/repos/acme/web/nothing%20here", ""},
		{"GET", "https://github.com/acme/web.git/info/refs?service=git-upload-pack", ""},
		{"GET", "https://api.github.com/repos/acme/api?secret=hunter2", ""},
		{"PURGE", "https://api.github.com/repos//acme", ""},
	} {
		do(t, c, ask.method, ask.url, ask.body)
	}
	get(t, s.client("ghp_stranger"), "https://uploads.github.com/x?hunter2")
	withHost(c, "evil.example")
	want := `level=INFO msg=request client=ci method=GET host=api.github.com path=/repos/acme/web/labels kind=rest status=200 outcome=fetched took=T bytes=N credential=bot resource=core points=1 request_id=ID
level=INFO msg=request client=ci method=GET host=api.github.com path=/repos/acme/web/labels kind=rest status=200 outcome=revalidated took=T bytes=N credential=bot resource=core points=0 request_id=ID
level=INFO msg=request client=ci method=HEAD host=api.github.com path=/repos/acme/web/labels kind=rest status=200 outcome=revalidated took=T bytes=0 credential=bot resource=core points=0 request_id=ID
level=INFO msg=request client=ci method=POST host=api.github.com path=/repos/acme/web/issues kind=rest status=201 outcome=forwarded took=T bytes=N credential=bot resource=core points=1 request_id=ID
level=INFO msg=request client=ci method=GET host=api.github.com path="/repos/acme/web/nothing here" kind=rest status=404 outcome=fetched took=T bytes=N credential=bot resource=core points=1 request_id=ID
level=INFO msg=request client=ci method=GET host=github.com path=/acme/web.git/info/refs kind=git status=200 outcome=forwarded took=T bytes=N credential=bot resource=- points=0 request_id=-
level=INFO msg=request client=ci method=GET host=api.github.com path=/repos/acme/api kind=rest status=403 outcome=refused took=T bytes=N reason=scope err="octopool: client ci may not GET /repos/acme/api"
level=INFO msg=request client=- method=PURGE host=api.github.com path=/repos//acme kind=other status=400 outcome=refused took=T bytes=N reason=path err="bad path: an empty segment"
level=INFO msg=request client=- method=GET host=uploads.github.com path=/x kind=upload status=401 outcome=refused took=T bytes=N reason=unknown_token err="the token is not registered with this octopool"
level=INFO msg=request client=- method=GET host=api.github.com path=/repos/acme/web kind=other status=421 outcome=refused took=T bytes=N reason=host err="this tunnel is for another host"
`
	var got string
	eventually(t, "a line for each", func() bool {
		got = regexp.MustCompile(`bytes=[1-9]\d*`).ReplaceAllString(s.lines(), "bytes=N")
		return strings.Count(got, "\n") == strings.Count(want, "\n")
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the log (-want +got):\n%s", diff)
	}
	for _, secret := range []string{"hunter2", ciToken, "ghp_bot", "ghp_stranger"} {
		if strings.Contains(s.logged(), secret) {
			t.Errorf("the log has %s", secret)
		}
	}
}

// families reads the metrics as Prometheus does.
func (s *setup) families(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	var parser expfmt.TextParser
	families, err := parser.TextToMetricFamilies(strings.NewReader(s.metrics()))
	if err != nil {
		t.Fatalf("%v in\n%s", err, s.metrics())
	}
	return families
}

// series are a family's, each as label="value",….
func series(f *dto.MetricFamily) []string {
	var out []string
	for _, m := range f.GetMetric() {
		var labels []string
		for _, l := range m.GetLabel() {
			labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
		}
		out = append(out, strings.Join(labels, ","))
	}
	slices.Sort(out)
	return out
}

// Every family there is has the labels it should have, and Prometheus can read it.
func TestMetrics(t *testing.T) {
	s := start(t, withScopes("* /repos/acme/web/**", "git:read acme/*"))
	c := s.client(ciToken)
	get(t, c, "https://api.github.com/repos/acme/web")
	get(t, c, "https://api.github.com/repos/acme/web")
	do(t, c, "POST", "https://api.github.com/repos/acme/web/issues", `{"title":"x"}`)
	get(t, c, "https://github.com/acme/web.git/info/refs?service=git-upload-pack")
	get(t, c, "https://api.github.com/user")
	get(t, s.client("nobodys"), "https://api.github.com/user")
	s.connect(t, "evil.example:443")
	c.CloseIdleConnections()

	var limits []string
	for _, limit := range mitm.AllLimits() {
		limits = append(limits, fmt.Sprintf("limit=%q", limit))
	}
	want := map[string][]string{
		"octopool_requests_total": {
			`client="-",kind="rest",method="GET",code="401",outcome="refused"`,
			`client="ci",kind="git",method="GET",code="200",outcome="forwarded"`,
			`client="ci",kind="rest",method="GET",code="200",outcome="fetched"`,
			`client="ci",kind="rest",method="GET",code="200",outcome="revalidated"`,
			`client="ci",kind="rest",method="GET",code="403",outcome="refused"`,
			`client="ci",kind="rest",method="POST",code="201",outcome="forwarded"`,
		},
		"octopool_route_requests_total": {
			`client="-",route="/user",outcome="refused"`,
			`client="ci",route="/repos/{owner}/{repo}",outcome="fetched"`,
			`client="ci",route="/repos/{owner}/{repo}",outcome="revalidated"`,
			`client="ci",route="/repos/{owner}/{repo}/issues",outcome="forwarded"`,
			`client="ci",route="/user",outcome="refused"`,
		},
		"octopool_request_duration_seconds_count": {
			`kind="git",outcome="forwarded"`, `kind="rest",outcome="fetched"`, `kind="rest",outcome="forwarded"`,
			`kind="rest",outcome="refused"`, `kind="rest",outcome="revalidated"`,
		},
		"octopool_github_requests_total": {
			`credential="bot",resource="-",code="200"`, `credential="bot",resource="core",code="200"`,
			`credential="bot",resource="core",code="201"`, `credential="bot",resource="core",code="304"`,
		},
		"octopool_github_request_duration_seconds_count": {`kind="git"`, `kind="rest"`},
		"octopool_route_points_spent_total": {
			`client="ci",route="/repos/{owner}/{repo}"`, `client="ci",route="/repos/{owner}/{repo}/issues"`,
		},
		"octopool_route_points_saved_total":    {`client="ci",route="/repos/{owner}/{repo}"`},
		"octopool_points_spent_total":          {`client="ci",resource="core"`},
		"octopool_points_saved_total":          {`client="ci",resource="core"`},
		"octopool_budget_limit":                {`credential="bot",resource="core"`},
		"octopool_budget_remaining":            {`credential="bot",resource="core"`},
		"octopool_budget_reset_seconds":        {`credential="bot",resource="core"`},
		"octopool_credential_up":               {`credential="bot"`},
		"octopool_credential_info":             {`credential="bot",pool="default",github="github.com",kind="pat",principal=""`},
		"octopool_credential_in_flight":        {`credential="bot"`},
		"octopool_client_requests_in_flight":   {`client="ci"`},
		"octopool_client_requests_waiting":     {`client="ci"`},
		"octopool_refused_total":               {`client="-",reason="tunnel"`, `client="-",reason="unknown_token"`, `client="ci",reason="scope"`},
		"octopool_limited_total":               limits,
		"octopool_formula_total":               {`result="match"`, `result="mismatch"`},
		"octopool_ca_expiry_timestamp_seconds": {""},
		"octopool_store_entries":               {""},
		"octopool_store_bytes":                 {""},
		"octopool_store_errors_total":          {""},
		"octopool_store_evictions_total":       {""},
		"octopool_tunnels_active":              {""},
		"octopool_tunnel_bytes_total":          {`direction="received"`, `direction="sent"`},
		"octopool_connections_active":          {`listener="intercepted"`, `listener="proxy"`},
	}
	eventually(t, "everything is counted", func() bool {
		return len(s.families(t)["octopool_requests_total"].GetMetric()) == len(want["octopool_requests_total"])
	})
	families := s.families(t)
	for name, labels := range want {
		got := series(families[name])
		slices.Sort(labels)
		if diff := cmp.Diff(labels, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for name := range families {
		base := strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_sum")
		if want[name] == nil && want[base+"_count"] == nil {
			t.Errorf("nobody knows of %s", name)
		}
	}
	text := s.metrics()
	for _, line := range []string{
		`octopool_requests_total{client="ci",kind="rest",method="GET",code="200",outcome="revalidated"} 1`,
		`octopool_points_spent_total{client="ci",resource="core"} 2`,
		`octopool_points_saved_total{client="ci",resource="core"} 1`,
		`octopool_budget_limit{credential="bot",resource="core"} 5000`,
		`octopool_budget_remaining{credential="bot",resource="core"} 4998`,
		`octopool_credential_up{credential="bot"} 1`,
		`octopool_store_entries 1`,
		`octopool_request_duration_seconds_bucket{kind="rest",outcome="fetched",le="+Inf"} 1`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no line %s in\n%s", line, text)
		}
	}
}

// Whatever clients put in their requests, there are no more series for it.
func TestNoSeriesFromRequests(t *testing.T) {
	s := start(t)
	all := func(n int) {
		c := s.client(ciToken)
		h1 := s.client(fmt.Sprintf("ghp_%d", n), overHTTP1)
		get(t, c, fmt.Sprintf("https://api.github.com/%d/x/y", n))
		get(t, c, fmt.Sprintf("https://api.github.com/repos/acme/web/issues/%d?page=%d", n+100, n))
		do(t, c, fmt.Sprintf("M%d", n), "https://api.github.com/user", "")
		get(t, c, fmt.Sprintf("https://api.github.com//%d", n))
		get(t, c, "https://api.github.com/users/octo-bot", "Accept", fmt.Sprintf("a/%d", n), "User-Agent", fmt.Sprint(n), "X-Github-Api-Version", fmt.Sprint(n))
		get(t, h1, fmt.Sprintf("https://github.com/a%d/b", n))
		withHost(c, fmt.Sprintf("h%d.example", n))
		s.connect(t, fmt.Sprintf("h%d.example:%d", n, 1000+n))
		s.connect(t, fmt.Sprintf("h%d", n))
		w := s.wire(t)
		w.say(fmt.Sprintf("GET http://h%d.example:%d/ HTTP/1.1\nHost: x\n\n", n, n+1))
		w.hear(http.MethodGet)
		c.CloseIdleConnections()
	}
	count := func() int { return strings.Count(s.metrics(), "\n") }
	logged := func(n int) func() bool {
		return func() bool { return strings.Count(s.logged(), "msg=request ") == n }
	}
	all(0)
	eventually(t, "the first are counted", logged(7))
	before := count()
	for n := range 20 {
		all(n + 1)
	}
	eventually(t, "the others are counted", logged(7*21))
	if after := count(); after != before {
		t.Errorf("there were %d series, now %d:\n%s", before, after, s.metrics())
	}
}

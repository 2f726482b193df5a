package mitm_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"octopool/mitm/admin/history"
	"octopool/policy"
)

// The history has what the counters have, by client and by route, and what went wrong, with
// no query and no token.
func TestHistory(t *testing.T) {
	s := start(t, withTeam)
	s.spend(t)
	get(t, s.client(ciToken), "https://api.github.com/repos/acme/api?secret=hunter2")
	get(t, s.client(""), "https://github.com/acme/api.git/info/refs?service=git-upload-pack")
	get(t, s.client(ciToken), "https://github.com/acme/web.git/info/refs?service=git-upload-pack")
	eventually(t, "everything is counted", func() bool { return strings.Count(s.logged(), "msg=request ") == 10 })

	v := s.proxy.History("")
	got := map[string]history.Tally{}
	for _, c := range v.Clients {
		got[c.Name] = c.Day
	}
	want := map[string]history.Tally{}
	for _, c := range s.proxy.Status().Clients {
		want[c.Name] = history.Tally{Requests: sum(c.Requests), Spent: sum(c.PointsSpent), Saved: sum(c.PointsSaved), Refused: sum(c.Refused)}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("clients, as the status has them (-want +got):\n%s", diff)
	}
	routes := map[string]history.Tally{}
	for _, r := range s.proxy.History("ci").Routes {
		routes[r.Name] = r.Day
	}
	if diff := cmp.Diff(map[string]history.Tally{
		"/repos/{owner}/{repo}":        {Requests: 4, Spent: 1, Saved: 1, Refused: 2},
		"/repos/{owner}/{repo}/issues": {Requests: 1, Spent: 1},
		"/users/{username}":            {Requests: 1, Spent: 1},
		"git":                          {Requests: 1},
	}, routes); diff != "" {
		t.Errorf("routes of ci (-want +got):\n%s", diff)
	}

	troubles := map[string]int{}
	for _, one := range v.Troubles {
		troubles[fmt.Sprintf("%s %s %s%s %d %s", one.Client, one.Method, one.Host, one.Path, one.Status, one.Reason)] = one.Times
	}
	if diff := cmp.Diff(map[string]int{
		"ci GET api.github.com/repos/acme/api 403 allowance":   2,
		"ops GET api.github.com/repos/acme/web 503 credential": 1,
		"- GET api.github.com/user 401 unknown_token":          1,
		"- CONNECT evil.example:443 403 tunnel":                1,
	}, troubles); diff != "" {
		t.Errorf("troubles (-want +got):\n%s", diff)
	}
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"hunter2", ciToken, opsToken, "ghp_"} {
		if strings.Contains(string(text), secret) {
			t.Errorf("it holds %s", secret)
		}
	}
}

// git asks without its token first, as it always does: that is no trouble.
func TestGitsFirstQuestionIsNoTrouble(t *testing.T) {
	s := start(t, withRules(func(r *policy.Rules) { r.Anonymous = "reject" }))
	const git = "https://github.com/acme/api.git/info/refs?service=git-upload-pack"
	if got := get(t, s.client(""), git); got.status != 401 {
		t.Errorf("without a token: %d", got.status)
	}
	if got := get(t, s.client(""), "https://api.github.com/user"); got.status != 401 {
		t.Errorf("without a token: %d", got.status)
	}
	eventually(t, "both are counted", func() bool { return strings.Count(s.logged(), "msg=request ") == 2 })
	if troubles := s.proxy.History("").Troubles; len(troubles) != 1 || troubles[0].Path != "/user" {
		t.Errorf("%+v", troubles)
	}
}

func sum(counts map[string]uint64) (n uint64) {
	for v := range maps.Values(counts) {
		n += v
	}
	return n
}

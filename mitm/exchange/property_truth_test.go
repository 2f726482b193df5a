package exchange_test

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"octopool/mitm/exchange"
	"octopool/mitm/githubtest"
)

// A question is all of a GET that may colour GitHub's answer, but for who asks.
type question struct{ target, accept, version string }

func (q question) header() http.Header {
	h := http.Header{}
	if q.accept != "" {
		h.Set("Accept", q.accept)
	}
	if q.version != "" {
		h.Set("X-Github-Api-Version", q.version)
	}
	return h
}

// The ETag of file is a git object's id, and big is too long to be held back until it is
// complete. Both cost the stand-in a lot, so they are asked for and changed less.
const (
	file = "/repos/acme/web/contents/deploy.yml"
	big  = "/repos/acme/web/big"
)

func (q question) costly() bool { return q.target == file || q.target == big }

// page is the second of a list to whose end issues are added: then its Link changes, and
// its body does not.
const page = "/repos/acme/web/issues?direction=asc&page=2&per_page=1"

// questions are all that is asked. Views differ by user: of a repository by who may
// push, of a list by who may see, of a private repository wholly.
func questions() []question {
	const v3, full, raw, newest = "application/vnd.github.v3+json", "application/vnd.github.full+json", "application/vnd.github.raw+json", "2026-03-10"
	return []question{
		{target: written}, {target: written, accept: v3}, {target: written, accept: full}, {target: written, version: newest},
		{target: "/repos/acme/web"}, {target: "/repos/acme/web", accept: v3},
		{target: page}, {target: page, accept: v3},
		{target: "/repos/acme/web/issues?labels=bug"}, {target: "/repos/acme/web/releases"},
		{target: "/repos/acme/api"}, {target: "/repos/acme/api", accept: v3}, {target: "/repos/acme/api/issues/1"},
		{target: "/repos/acme/vault"}, {target: "/orgs/acme/repos"},
		{target: file}, {target: file, accept: raw}, {target: big}, {target: big, accept: v3},
	}
}

// A truth is a GitHub, and all that it would have answered to every question at every
// moment.
type truth struct {
	github *githubtest.Server

	mu      sync.Mutex // held while something changes, and guards what follows
	changes int
	eras    map[string]map[question][]era // by login
}

// An era is an answer that GitHub gave for a while: at the earliest since the change
// that made it began, at the latest until the one that ended it was over.
type era struct {
	status      int
	body        string
	link        string
	from, until time.Time // zero: always
}

// pastTheGate marks requests of the test itself.
const pastTheGate = "X-Past-The-Gate"

func newTruth(github *githubtest.Server) *truth {
	tr := &truth{github: github, eras: map[string]map[question][]era{}}
	for _, c := range lent() {
		github.AddUser(c.login, "ghp_truth_"+c.login)
		github.SetBudget(c.login, "core", 1<<29, 0, time.Now().Add(time.Hour))
		tr.eras[c.login] = map[question][]era{}
	}
	github.AddRepo("acme/web", false)
	github.AddRepo("acme/api", true)
	github.AddRepo("acme/vault", true) // which one pool may see and the other may not
	github.Grant("octo-bot", "acme/vault")
	github.Grant("hubot", "acme/vault")
	for _, login := range []string{"octo-bot", "hubot", "monalisa"} {
		github.Grant(login, "acme/api")
	}
	github.Grant("octo-bot", "acme/web")
	github.Grant("monalisa", "acme/web")
	for _, repo := range []string{"acme/web", "acme/api"} {
		for n := range 3 {
			github.AddIssue(repo, fmt.Sprintf("issue %d of %s", n+1, repo))
		}
		github.AddRelease(repo, "v1", nil)
	}
	github.WriteFile("acme/web", "deploy.yml", "version: 0\n")
	tr.setBig(0)
	tr.change(func() {}, "")
	return tr
}

// draw chooses a question. Some are asked most, so that requests for them meet.
func (tr *truth) draw(random *rand.Rand) question {
	all := questions()
	switch n := random.IntN(20); {
	case n < 5:
		return all[0]
	case n < 11:
		return all[random.IntN(6)]
	case n < 14:
		return all[len(all)-1-random.IntN(4)]
	}
	return all[random.IntN(len(all)-4)]
}

// setBig makes big one that gzip does not make much smaller.
func (tr *truth) setBig(version int) {
	random := rand.NewChaCha8([32]byte{byte(version)})
	content := make([]byte, 300<<10)
	random.Read(content)
	tr.github.Set(big, fmt.Sprintf(`{"version":%d,"content":%q}`, version, base64.StdEncoding.EncodeToString(content)))
}

// changeAny changes something.
func (tr *truth) changeAny(random *rand.Rand, n int) {
	g := tr.github
	kinds := []func(){
		func() { g.EditIssue("acme/web", 1, fmt.Sprintf("edited %d", n)) },
		func() { g.EditIssue("acme/web", 1, fmt.Sprintf("edited %d", n)) },
		func() { g.EditIssue("acme/api", 1, fmt.Sprintf("edited %d", n)) },
		func() { g.EditIssue("acme/web", 1, fmt.Sprintf("edited %d", n%2)) }, // there and back
		func() { g.Touch("acme/web") },
		func() { g.Touch("acme/api") },
		func() { g.Touch("acme/vault") },
		func() { g.AddIssue("acme/web", fmt.Sprintf("added %d", n)) },
		func() { g.AddRelease("acme/web", fmt.Sprintf("v1.%d", n), nil) },
		func() { g.AddIssue("acme/web", fmt.Sprintf("added %d", n)) },
		func() { g.Grant("hubot", "acme/web") },
		func() { g.Ungrant("hubot", "acme/web") },
		func() { g.Grant("passer-by", "acme/api") },
		func() { g.Ungrant("passer-by", "acme/api") },
	}
	switch chosen := random.IntN(len(kinds) + 2); {
	case chosen < len(kinds):
		tr.change(kinds[chosen], "")
	case chosen == len(kinds):
		tr.change(func() { g.WriteFile("acme/web", "deploy.yml", fmt.Sprintf("version: %d\n", n)) }, file)
	default:
		tr.change(func() { tr.setBig(n + 1) }, big)
	}
}

// change lets something happen, and writes down what every user is sent since then. Of
// what is costly, only if it is what changes.
func (tr *truth) change(happens func(), costly string) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	before, first := time.Now(), tr.changes == 0
	if first {
		before = time.Time{}
	}
	happens()
	after := time.Now()
	tr.changes++
	for _, q := range questions() {
		if q.costly() && q.target != costly && !first {
			continue
		}
		var now era
		for login, eras := range tr.eras {
			if !q.costly() || now.status == 0 { // a public one is the same for all
				now = tr.ask(login, q)
			}
			eras[q] = joined(eras[q], now, before, after)
		}
	}
}

// joined begins an era after the others, unless it is the last of them.
func joined(eras []era, now era, before, after time.Time) []era {
	if len(eras) > 0 {
		last := &eras[len(eras)-1]
		if last.status == now.status && last.body == now.body && last.link == now.link {
			return eras
		}
		last.until = after
	}
	now.from = before
	return append(eras, now)
}

// ask is what GitHub answers now.
func (tr *truth) ask(login string, q question) era {
	in := httptest.NewRequest(http.MethodGet, "https://api.github.com"+q.target, nil)
	in.Header = q.header()
	in.Header.Set("User-Agent", "truth")
	in.Header.Set("Authorization", "Bearer ghp_truth_"+login)
	in.Header.Set(pastTheGate, "yes")
	out := httptest.NewRecorder()
	tr.github.ServeHTTP(out, in)
	return era{status: out.Code, body: out.Body.String(), link: out.Header().Get("Link")}
}

// A sighting is an answer that a client got.
type sighting struct {
	question
	client, credential, pool, method string
	outcome                          exchange.Outcome
	began, ended                     time.Time
	status                           int
	body                             string
	header                           http.Header
	conditional                      bool // answered with 304, to what the client had
}

func (s sighting) String() string {
	about := ""
	if s.conditional {
		about = ", by a 304"
	}
	return fmt.Sprintf("%s %s of %s (Accept %q, version %q): %d by %q, %s%s", s.method, s.target, s.client, s.accept, s.version, s.status, s.credential, s.outcome, about)
}

// judge says what is wrong with an answer, if anything is.
func (tr *truth) judge(s sighting) string {
	if s.status == http.StatusBadGateway && (s.body == brokenGateway || s.method == http.MethodHead) {
		return "" // which is what was sent
	}
	was := "GitHub never sent this"
	for name, c := range lent() {
		for _, e := range tr.eras[c.login][s.question] {
			if e.status != s.status || s.method == http.MethodGet && e.body != s.body || e.link != s.header.Get("Link") && !s.conditional {
				continue
			}
			mine := c.pool == s.pool && (s.credential == name || s.credential == "")
			overlaps := !e.from.After(s.ended) && (e.until.IsZero() || !e.until.Before(s.began))
			switch {
			case mine && overlaps:
				return ""
			case mine:
				was = fmt.Sprintf("it is stale: it was true until %v before the request", s.began.Sub(e.until))
				if e.from.After(s.ended) {
					was = "it is from the future"
				}
			case strings.HasPrefix(was, "GitHub never"):
				was = "it is what " + name + " is sent"
			}
		}
	}
	return was + ":\n" + s.body[:min(len(s.body), 300)]
}

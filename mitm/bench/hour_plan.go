package main

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// A resource is one URL of the API that the fleet reads.
type resource struct {
	kind   string // what it is, for the report
	repo   string // full name
	target string // path and query
	accept string // "" for whatever a client sends
	number int    // of an issue
}

// perRepo is how many resources there are of each repository.
const perRepo = 20

// fileEvery is how often a repository's file is among its resources: each costs the
// stand-in three runs of git, so there are few.
const fileEvery = 5

// A plan is all that happens in the hour. It follows from its size and its seed alone;
// times are since the hour's beginning, by the hour's own clock.
type plan struct {
	resources []resource
	visits    [][]visit // by client, in order
	changes   []change  // in order
}

// A visit is one GET of one client.
type visit struct {
	at       time.Duration
	resource int
	newJob   bool // with new connections and an empty memory, as the first step of a CI job has
}

// A change makes a resource other than it was.
type change struct {
	at       time.Duration
	resource int
}

// size is how much happens.
type size struct {
	length    time.Duration
	clients   int
	resources int
	requests  int // of the whole fleet
	changes   float64
	seed      uint64
}

// A matrix build begins so often: all of the fleet at once asks for the same few
// resources, one of which has just changed.
const (
	matrixEvery = 5 * time.Minute
	matrixSteps = 3
)

func newPlan(s size) *plan {
	random := rand.New(rand.NewPCG(s.seed, 0x6f63746f))
	p := &plan{resources: resources(s.resources)}
	rank := random.Perm(len(p.resources)) // which is how popular is no matter of its kind
	zipf := rand.NewZipf(random, 1.1, 4, uint64(len(rank)-1))
	popular := func() int { return rank[zipf.Uint64()] }

	for at, every := time.Duration(0), time.Duration(float64(time.Second)/s.changes); at < s.length; at += every {
		chosen := popular()
		if random.IntN(2) == 0 {
			chosen = random.IntN(len(rank))
		}
		p.changes = append(p.changes, change{at, chosen})
	}
	p.visits = make([][]visit, s.clients)
	together := 0
	for at := matrixEvery / 2; at < s.length; at += matrixEvery {
		p.matrix(at, popular)
		together += matrixSteps
	}
	each := max(1, s.requests/s.clients-together)
	for client := range p.visits {
		p.jobs(client, each, s.length, random, popular)
	}
	slices.SortStableFunc(p.changes, func(a, b change) int { return cmp.Compare(a.at, b.at) })
	return p
}

// matrix begins a job of every client at once.
func (p *plan) matrix(at time.Duration, popular func() int) {
	for step := range matrixSteps {
		chosen := popular()
		if step == 0 {
			p.changes = append(p.changes, change{at - time.Second, chosen})
		}
		for client := range p.visits {
			p.visits[client] = append(p.visits[client], visit{at, chosen, step == 0})
		}
	}
}

// jobs fills a client's hour with jobs of 5 to 40 requests.
func (p *plan) jobs(client, requests int, length time.Duration, random *rand.Rand, popular func() int) {
	for range requests {
		at := time.Duration(random.Float64() * float64(length))
		p.visits[client] = append(p.visits[client], visit{at: at, resource: popular()})
	}
	visits := p.visits[client]
	slices.SortStableFunc(visits, func(a, b visit) int { return cmp.Compare(a.at, b.at) })
	for i := 0; i < len(visits); i += 5 + random.IntN(36) {
		visits[i].newJob = true
	}
}

// resources are n URLs, the same every time.
func resources(n int) []resource {
	all := make([]resource, 0, n+perRepo)
	for i := 0; len(all) < n; i++ {
		owner := []string{"acme", "globex", "initech", "umbrella"}[i%4]
		all = append(all, resourcesOf(fmt.Sprintf("%s/app-%03d", owner, i), i%fileEvery == 0)...)
	}
	return all[:n]
}

// resourcesOf are the perRepo URLs of one repository.
func resourcesOf(repo string, file bool) []resource {
	var all []resource
	add := func(kind, target string) {
		all = append(all, resource{kind: kind, repo: repo, target: "/repos/" + repo + target})
	}
	add("repository", "")
	add("issues", "/issues?per_page=30")
	for number := 1; number <= issuesOf; number++ {
		add("issue", fmt.Sprintf("/issues/%d", number))
		all[len(all)-1].number = number
	}
	add("releases", "/releases")
	add("latest release", "/releases/latest")
	if file {
		add("file", "/contents/"+fileOf)
		all[len(all)-1].accept = "application/vnd.github.raw+json"
	}
	add("runs", "/actions/runs?per_page=20")
	add("commits", "/commits?per_page=30")
	add("pulls", "/pulls?state=open")
	add("commit status", "/commits/main/status")
	add("check runs", "/commits/main/check-runs")
	for id := 1; len(all) < perRepo; id++ {
		add("run", fmt.Sprintf("/actions/runs/%d", id))
	}
	return all
}

const (
	issuesOf = 4
	fileOf   = "deploy.yml"
)

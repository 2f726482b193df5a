package exchange

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Promise 2: whatever changes while clients read with all credentials, no answer is
// older than its request.
func TestNoAnswerIsOlderThanItsRequest(t *testing.T) {
	w := newWorld(t)
	var written atomic.Int64 // the number in the issue's title, raised after the change is visible
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := range int64(60) {
			w.github.EditIssue("acme/web", 1, strconv.FormatInt(n, 10))
			written.Store(n)
		}
	}()
	var readers sync.WaitGroup
	for _, client := range []string{ci, ops, solo, both, ci, both} {
		readers.Go(func() {
			for last := false; !last; {
				select {
				case <-done:
					last = true
				default:
				}
				before := written.Load()
				a, err := w.ask(client, http.MethodGet, "/repos/acme/web/issues/1", "")
				if err != nil {
					t.Error(err)
					return
				}
				var issue struct{ Title string }
				if err := json.Unmarshal([]byte(a.body), &issue); err != nil {
					t.Error(err)
					return
				}
				if n, _ := strconv.ParseInt(issue.Title, 10, 64); issue.Title != "first" && n < before {
					t.Errorf("%s was shown %d after %d was written (%s)", client, n, before, a.Outcome)
				}
			}
		})
	}
	readers.Wait()
}

// Whatever clients, resources, media types, changes and failures come in whatever order,
// each answer is what GitHub would have sent this credential, and nothing is paid twice:
// every point bought a body nobody had, or an answer that cannot be stored.
func TestAnswersAreGitHubsWhateverHappens(t *testing.T) {
	const seed = 20261123
	random := rand.New(rand.NewPCG(seed, 1))
	w := newWorld(t)
	w.github.WriteFile("acme/web", "a.txt", "0")
	for n := range 5 {
		w.github.AddIssue("acme/web", fmt.Sprint("issue ", n))
	}
	tokens := map[string]string{ci: "ghp_bot", ops: "ghp_bot", solo: "ghp_hubot"}
	clients := []string{ci, ops, solo}
	paths := []string{
		"/repos/acme/web", "/repos/acme/api", "/repos/acme/web/issues", "/repos/acme/web/issues?per_page=2&page=2", "/repos/acme/web/issues/1",
		"/repos/acme/web/labels", "/repos/acme/web/contents/a.txt", "/repos/acme/web/issues/99", "/orgs/acme/repos", "/user",
	}
	media := []string{"application/vnd.github+json", "application/vnd.github.raw+json", "*/*"}
	opaque := false
	for step := range 600 {
		switch random.IntN(12) {
		case 0:
			w.github.EditIssue("acme/web", 1+random.IntN(5), fmt.Sprint("title ", step))
		case 1:
			w.github.Touch("acme/web")
		case 2:
			w.github.WriteFile("acme/web", "a.txt", fmt.Sprint(step))
		case 3:
			opaque = !opaque
			w.github.OpaqueETags(opaque)
		}
		if random.IntN(20) == 0 {
			w.aged(time.Duration(random.IntN(90)) * time.Second)
		}
		client, path, accept := clients[random.IntN(3)], paths[random.IntN(len(paths))], media[random.IntN(3)]
		a := w.get(client, path, "Accept", accept)
		if want := w.direct(tokens[client], path, "Accept", accept, "User-Agent", "octopool/test"); a.body != want && a.Status != http.StatusNotFound {
			t.Fatalf("step %d (seed %d): %s %s as %s, %s:\n%.200s\nwant\n%.200s", step, seed, client, path, accept, a.Outcome, a.body, want)
		}
	}
	opaque = false
	w.github.OpaqueETags(false)
	read := func() {
		for _, client := range clients {
			for _, path := range paths {
				if path != "/repos/acme/web/issues/99" && (path != "/repos/acme/api" || client != solo) {
					w.get(client, path, "Accept", media[0])
				}
			}
		}
	}
	read()
	w.costs(0, read)
}

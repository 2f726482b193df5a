package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"io"
	"net/http"
	"sync"
	"time"
)

// A fleet is the clients of the hour. Each runs one job after the other, and each job is
// as a CI runner's is: alone, with connections of its own, knowing nothing of the last.
type fleet struct {
	target target
	plan   *plan
	begin  time.Time
	scale  float64 // how many times as fast as its own clock the hour goes
	accept string  // what all clients ask for; "" for what each is used to

	asking sync.RWMutex // held by requests, from when they have a token to their answer

	mu      sync.Mutex // guards what follows
	answers []answered
	jobs    int
	retried int // attempts that got no answer, and were made again
	refused int // requests that a rate limit refused
	failed  int // requests that got no answer that a client could use
}

// answered is one answer that a client could use.
type answered struct {
	resource     int
	body         digest
	began, ended time.Time     // of the attempt that got it
	took         time.Duration // of all attempts
}

// patience is how long a client tries again what got no answer, as when octopool is
// being restarted. It is real time.
const patience = 20 * time.Second

// A flavour is how a kind of program asks.
type flavour struct {
	accept, agent string
	h2, gzip      bool
}

// flavours are gh, octokit, go-github and a script with little else than a socket.
// Only the script's name is not its own: GitHub reformats what curl is sent.
func flavours() []flavour {
	return []flavour{
		{"application/vnd.github+json", "GitHub CLI 2.60.0", true, true},
		{"application/vnd.github.v3+json", "octokit-rest.js/22.0.0", false, true},
		{"application/vnd.github.v3+json", "go-github/v90.0.0", true, true},
		{"*/*", "deploy.sh", false, false},
	}
}

// at waits for a moment of the hour. It is false when the benchmark ends before.
func (f *fleet) at(ctx context.Context, moment time.Duration) bool {
	timer := time.NewTimer(time.Until(f.begin.Add(time.Duration(float64(moment) / f.scale))))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// run makes all visits, and returns when the last was answered.
func (f *fleet) run(ctx context.Context) {
	var all sync.WaitGroup
	for client := range f.plan.visits {
		all.Go(func() { f.work(ctx, client) })
	}
	all.Wait()
}

func (f *fleet) work(ctx context.Context, client int) {
	w := &worker{fleet: f, client: client, flavour: flavours()[client%len(flavours())]}
	defer w.leave()
	for _, v := range f.plan.visits[client] {
		if !f.at(ctx, v.at) {
			return
		}
		if v.newJob || w.transport == nil {
			w.leave()
			w.transport = f.target.transport(w.flavour)
			w.jobs++
		}
		w.visit(ctx, v.resource)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answers = append(f.answers, w.answers...)
	f.jobs += w.jobs
	f.retried += w.retried
	f.refused += w.refused
	f.failed += w.failed
}

// A worker is one client at work.
type worker struct {
	*fleet
	client    int
	flavour   flavour
	transport *http.Transport // of its job

	answers                        []answered
	jobs, retried, refused, failed int
}

// leave ends a job.
func (w *worker) leave() {
	if w.transport != nil {
		w.transport.CloseIdleConnections()
	}
}

// visit asks until there is an answer, or no hope.
func (w *worker) visit(ctx context.Context, resource int) {
	first := time.Now()
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, 500*time.Millisecond) {
		began := time.Now()
		status, body, err := w.ask(ctx, resource)
		ended := time.Now()
		switch {
		case err == nil && status == http.StatusOK:
			w.answers = append(w.answers, answered{resource, body, began, ended, ended.Sub(first)})
			return
		case err == nil && (status == http.StatusForbidden || status == http.StatusTooManyRequests):
			w.refused++
			return
		case ctx.Err() != nil, ended.Sub(first) > patience, err == nil && status < 500 && status != http.StatusUnauthorized:
			w.failed++
			return
		}
		w.retried++
		w.leave()
		time.Sleep(pause)
	}
}

// ask makes one attempt.
func (w *worker) ask(ctx context.Context, resource int) (status int, body digest, err error) {
	r := w.plan.resources[resource]
	in, err := http.NewRequestWithContext(ctx, http.MethodGet, w.target.base()+r.target, nil)
	if err != nil {
		return 0, digest{}, err
	}
	w.asking.RLock()
	defer w.asking.RUnlock()
	in.Header = bearer(w.target.token(w.client))
	in.Header.Set("User-Agent", w.flavour.agent)
	in.Header.Set("X-Github-Api-Version", "2022-11-28")
	in.Header.Set("Accept", cmp.Or(r.accept, w.accept, w.flavour.accept))
	resp, err := w.transport.RoundTrip(in)
	if err != nil {
		return 0, digest{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, sha256.Sum256(text), err
}

package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"octopool/mitm/githubtest"
)

// truth is what GitHub has at some paths, and had before: what it says of an answer is
// whether it may have been given.
type truth struct {
	github *githubtest.Server
	mu     sync.Mutex // guards versions, and is held while one changes
	latest []int      // by path
}

func newTruth(github *githubtest.Server, paths int) *truth {
	t := &truth{github: github, latest: make([]int, paths)}
	for path := range paths {
		github.Set(t.path(path), t.text(path, 0))
	}
	return t
}

func (*truth) path(i int) string { return fmt.Sprint("/bench/truth/", i) }

// text is one version. Each of its bytes depends on which it is.
func (*truth) text(path, version int) string {
	sum := sha256.Sum256(fmt.Append(nil, path, " ", version))
	return fmt.Sprintf(`{"path":%d,"version":%d,"text":"%s"}`, path, version, strings.Repeat(fmt.Sprintf("%x", sum), 16+path%16*8))
}

// change gives a path something new, all of it at one moment.
func (t *truth) change(path int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.latest[path]++
	t.github.Set(t.path(path), t.text(path, t.latest[path]))
}

// version is what a path has now.
func (t *truth) version(path int) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.latest[path]
}

// changes is how many there were.
func (t *truth) changes() (n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, v := range t.latest {
		n += v
	}
	return n
}

// judge says what is wrong with an answer to a request that was sent when a path had since.
func (t *truth) judge(path, since int, body string) error {
	var got int
	if _, err := fmt.Sscanf(body, fmt.Sprintf(`{"path":%d,"version":%%d,`, path), &got); err != nil || body != t.text(path, got) {
		return fmt.Errorf("%w: %d bytes that GitHub has never had at path %d", errWrong, len(body), path)
	}
	if now := t.version(path); got < since || got > now {
		return fmt.Errorf("%w: version %d of path %d, asked for between %d and %d", errWrong, got, path, since, now)
	}
	return nil
}

// errWrong is an answer that should not have been given. No fault excuses one.
var errWrong = errors.New("a wrong answer")

// errRefused is one that says that something failed.
type errRefused struct{ status int }

func (e errRefused) Error() string { return fmt.Sprint("answered ", e.status) }

// clientOf is one that is not waited for beyond patience.
func clientOf(t *http.Transport) *http.Client { return &http.Client{Transport: t, Timeout: patience} }

// ask asks for a path, and reads and judges what comes.
func (t *truth) ask(ctx context.Context, c *http.Client, token string, path int) error {
	since := t.version(path)
	in, err := http.NewRequestWithContext(ctx, http.MethodGet, gitHubAPI+t.path(path), nil)
	if err != nil {
		panic(err) // a bug: the URL is ours
	}
	in.Header = bearer(token)
	resp, err := c.Do(in)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return err
	case resp.StatusCode != http.StatusOK:
		return errRefused{resp.StatusCode}
	}
	return t.judge(path, since, string(body))
}

// A tally is what became of requests.
type tally struct {
	asked atomic.Int64

	mu     sync.Mutex // guards what follows
	failed map[string]int
	wrong  []error
	took   []time.Duration // of those that were answered well
}

// longestWhy is how much of the reasons is told.
const longestWhy = 240

// numbers are what differs between errors of one kind, as ports do.
var numbers = regexp.MustCompile(`[0-9.:\[\]]+->[0-9.:\[\]]+|127\.[0-9.]+:[0-9]+|/bench/truth/[0-9]+`)

// brief is an error without what differs between those of one kind.
func brief(err error) string {
	if errors.Is(err, errWrong) {
		return errWrong.Error()
	}
	return numbers.ReplaceAllString(err.Error(), "…")
}

// note counts one request.
func (t *tally) note(took time.Duration, err error) {
	t.asked.Add(1)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil {
		t.took = append(t.took, took)
		return
	}
	if t.failed == nil {
		t.failed = map[string]int{}
	}
	t.failed[brief(err)]++
	if errors.Is(err, errWrong) {
		t.wrong = append(t.wrong, err)
	}
}

// failures are how many failed, and an example of each way they did.
func (t *tally) failures() (n int, why string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, text := range slices.Sorted(maps.Keys(t.failed)) {
		n += t.failed[text]
		why += fmt.Sprintf("(%d: %s) ", t.failed[text], text)
	}
	return n, why[:min(len(why), longestWhy)]
}

// quantile of how long answers took.
func (t *tally) quantile(q float64) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.took) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(t.took))
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

// newcomers ask at a rate, each over a connection of its own, until stop is called, which
// returns when the last was answered.
func (t *truth) newcomers(ctx context.Context, o *octopool, rate int, into *tally) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	all.Go(func() {
		tick := time.NewTicker(time.Second / time.Duration(rate))
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			if n%8 == 0 {
				t.change(rand.IntN(len(t.latest)))
			}
			all.Go(func() {
				transport := o.transport(flavour{h2: n%2 == 0})
				defer transport.CloseIdleConnections()
				start := time.Now()
				err := t.ask(context.WithoutCancel(ctx), &http.Client{Transport: transport, Timeout: patience}, o.token(n%o.clients), rand.IntN(len(t.latest)))
				into.note(time.Since(start), err)
			})
		}
	})
	return func() {
		cancel()
		all.Wait()
	}
}

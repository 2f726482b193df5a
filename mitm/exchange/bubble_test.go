package exchange

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"octopool/mitm/githubtest"
)

// A way to GitHub without a network, on which a test can wait by the clock of its bubble.
// GitHub itself is outside, and answers one request at a time.
type way struct {
	sent atomic.Int64
	took func(r *http.Request) error // after GitHub has answered, before the answer arrives; may be nil
	open chan struct{}               // requests stand before GitHub until it is closed; may be nil

	mu       sync.Mutex // one request at a time
	requests chan *http.Request
	answers  chan *http.Response
}

func newWay(t *testing.T, github http.Handler) *way {
	y := &way{requests: make(chan *http.Request), answers: make(chan *http.Response)}
	t.Cleanup(func() { close(y.requests) })
	go func() {
		for r := range y.requests {
			answer := httptest.NewRecorder()
			github.ServeHTTP(answer, r)
			got := answer.Result()
			header := http.Header{}
			for name, values := range got.Header {
				header[http.CanonicalHeaderKey(name)] = values // as reading them does
			}
			got.Header = header
			y.answers <- got
		}
	}()
	return y
}

func (y *way) RoundTrip(r *http.Request) (*http.Response, error) {
	y.sent.Add(1)
	if y.open != nil {
		select {
		case <-y.open:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	in := r.Clone(context.Background())
	in.RemoteAddr, in.RequestURI = "192.0.2.1:1", r.URL.RequestURI()
	if in.Body == nil {
		in.Body = http.NoBody
	}
	y.mu.Lock()
	y.requests <- in
	answer := <-y.answers
	y.mu.Unlock()
	if y.took != nil {
		if err := y.took(r); err != nil {
			return nil, err
		}
	}
	return answer, nil
}

// inBubble runs a test with a way to GitHub, in a bubble.
func inBubble(t *testing.T, test func(t *testing.T, w *world, y *way), settings ...setting) {
	t.Helper()
	midnight := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // when bubbles begin
	github := newGitHub(t, githubtest.WithClock(func() time.Time { return midnight }))
	y := newWay(t, github)
	synctest.Test(t, func(t *testing.T) {
		w := worldOf(t, github, "ghp_bot", settings...)
		w.x.Upstream = y
		test(t, w, y)
	})
}

// asking is a request under way.
type asking struct {
	got
	err  error
	over chan struct{}
}

// begin asks in the background and returns when everybody waits.
func (w *world) begin(ctx context.Context, token, method, target, body string, headers ...string) *asking {
	w.t.Helper()
	in := request(w.t, method, target, body, headers...)
	g := w.grant(token, in)
	one := &asking{over: make(chan struct{})}
	go func() {
		defer close(one.over)
		a, err := w.x.Do(ctx, g, in)
		if one.err = err; err != nil {
			return
		}
		defer a.Body.Close()
		text, err := io.ReadAll(a.Body)
		one.got, one.err = got{a, string(text)}, err
	}()
	synctest.Wait()
	return one
}

func (w *world) herd(n int, token, target string) []*asking {
	all := make([]*asking, n)
	for i := range all {
		all[i] = w.begin(w.t.Context(), token, http.MethodGet, target, "")
	}
	return all
}

// outcomes counts how they were answered, when they all were.
func outcomes(all []*asking) map[Outcome]int {
	n := map[Outcome]int{}
	for _, one := range all {
		<-one.over
		if one.err != nil {
			n["error"]++
			continue
		}
		n[one.Outcome]++
	}
	return n
}

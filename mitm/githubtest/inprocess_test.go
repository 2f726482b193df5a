package githubtest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

// Without sockets the answers are those that come over the network.
func TestTransportIsTheNetwork(t *testing.T) {
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	worlds := map[string]*Server{"network": start(t, WithClock((&clock{now: at}).Now)), "in process": start(t, WithoutListener(), WithClock((&clock{now: at}).Now))}
	for _, tt := range []struct {
		method, url, body string
		headers           []string
	}{
		{"GET", "https://api.github.com/repos/acme/web", "", []string{"Authorization", asBot}},
		{"HEAD", "https://api.github.com/repos/acme/web", "", []string{"Authorization", asBot}},
		{"GET", "https://api.github.com/repos/acme/none", "", nil},
		{"GET", "https://api.github.com/user", "", []string{"User-Agent", ""}},
		{"GET", "https://api.github.com/repos/acme/web", "", []string{"Accept-Encoding", "gzip"}},
		{"POST", "https://api.github.com/repos/acme/web/issues", `{"title":"x"}`, []string{"Authorization", asBot}},
		{"POST", "https://api.github.com/graphql", `{"query":"{viewer{login}}"}`, []string{"Authorization", asBot}},
		{"GET", "https://api.github.com/repos/acme/web/tarball", "", nil},
		{"GET", "https://raw.githubusercontent.com/acme/web/main/README.md", "", nil},
		{"GET", "https://github.com/acme/web/info/refs?service=git-upload-pack", "", nil},
		{"GET", "https://api.github.com/repos/acme/web/labels/bug", "", []string{"If-None-Match", etagOf(t, worlds["network"], "/repos/acme/web/labels/bug")}},
	} {
		answers := map[string]exchange{}
		for name, s := range worlds {
			s.SetBudget("", "core", 60, 0, at.Add(time.Minute))
			answers[name] = ask(t, s, tt.method, tt.url, tt.body, append([]string{"Accept-Encoding", "identity"}, tt.headers...)...)
			answers[name].Header.Del("X-Github-Request-Id")
		}
		want, got := answers["network"], answers["in process"]
		if got.StatusCode != want.StatusCode || got.body != want.body || got.ContentLength != want.ContentLength {
			t.Errorf("%s %s: %d, %d bytes, not %d, %d bytes: %s", tt.method, tt.url, got.StatusCode, got.ContentLength, want.StatusCode, want.ContentLength, got.body)
		}
		for name := range want.Header {
			if g, w := strings.Join(got.Header[name], "|"), strings.Join(want.Header[name], "|"); g != w {
				t.Errorf("%s %s: %s: %q, not %q", tt.method, tt.url, name, g, w)
			}
		}
	}
	one, other := worlds["network"].Seen(), worlds["in process"].Seen()
	for i := range other {
		if a, b := one[i+1], other[i]; a.String() != b.String() || string(a.Body) != string(b.Body) || a.BodyDigest != b.BodyDigest { // after etagOf's
			t.Errorf("seen: %v, not %v", b, a)
		}
	}
}

// A request's body is closed, read or not, answered or not.
func TestTransportClosesBodies(t *testing.T) {
	s := New(WithoutListener())
	for _, path := range []string{"/graphql", "/unread", "/late"} {
		s.Intercept(func(http.ResponseWriter, *http.Request) bool { return path == "/unread" })
		if path == "/late" {
			s.Close()
		}
		body := &closedBody{Reader: strings.NewReader("{}"), closed: make(chan bool, 9)}
		r, _ := http.NewRequest("POST", "https://api.github.com"+path, body)
		s.Transport().RoundTrip(r)
		<-body.closed
	}
}

type closedBody struct {
	io.Reader
	closed chan bool
}

func (b *closedBody) Close() error { b.closed <- true; return nil }

// What breaks off is an error before the status, and a body that ends too early after it.
func TestTransportBreaksOff(t *testing.T) {
	s := start(t, WithoutListener())
	s.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/late" {
			io.WriteString(w, "half")
		}
		panic(http.ErrAbortHandler)
	})
	if _, err := s.Client().Get("https://api.github.com/early"); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("before the status: %v", err)
	}
	resp, err := s.Client().Get("https://api.github.com/late")
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(resp.Body); string(text) != "half" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("after it: %q, %v", text, err)
	}
}

// A request is given up when its context ends, even one whose body never comes, and the server has seen it leave.
func TestTransportGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, WithoutListener())
		left := make(chan error, 1)
		s.Intercept(func(_ http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != "/wait" {
				return false
			}
			<-r.Context().Done()
			left <- r.Context().Err()
			return true
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		r, _ := http.NewRequestWithContext(ctx, "GET", "https://api.github.com/wait", nil)
		if _, err := s.Transport().RoundTrip(r); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		if err := <-left; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the server saw %v", err)
		}
		never, writer := io.Pipe()
		defer writer.Close()
		r, _ = http.NewRequestWithContext(ctx, "POST", "https://api.github.com/graphql", never)
		if _, err := s.Transport().RoundTrip(r); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("with its context ended before: %v", err)
		}
		soon, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		never, writer = io.Pipe()
		defer writer.Close()
		r, _ = http.NewRequestWithContext(soon, "POST", "https://api.github.com/graphql", never)
		if _, err := s.Transport().RoundTrip(r); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("with half a body: %v", err)
		}
		if _, err := writer.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("the rest of the body: %v", err)
		}
	})
}

// Close ends what is under way, and leaves no goroutine behind; afterwards nobody answers.
func TestCloseWithoutListener(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	s := New(WithoutListener())
	arrived := make(chan bool)
	s.Intercept(func(_ http.ResponseWriter, r *http.Request) bool {
		arrived <- true
		<-r.Context().Done()
		return true
	})
	ended := make(chan error)
	go func() {
		_, err := s.Client().Get("https://api.github.com/")
		ended <- err
	}()
	<-arrived
	s.Close()
	<-ended
	if _, err := s.Client().Get("https://api.github.com/"); !errors.Is(err, errClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// A server without a listener has no address, and says so.
func TestWithoutListenerHasNoAddr(t *testing.T) {
	s := New(WithoutListener())
	defer s.Close()
	defer func() {
		if recover() == nil {
			t.Error("an address")
		}
	}()
	s.Addr()
}

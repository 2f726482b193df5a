package daemon

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"octopool/mitm/config"
)

// given is a socket that somebody else has opened.
func given(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// What the configuration assumes goes by the addresses it names, so a socket that listens
// elsewhere is none for it.
func TestASocketIsWhatTheConfigurationSays(t *testing.T) {
	l := given(t)
	_, port, _ := net.SplitHostPort(l.Addr().String())
	for address, want := range map[string]bool{
		l.Addr().String(): true, "localhost:" + port: true, "127.0.0.2:" + port: false, "0.0.0.0:" + port: false, ":" + port: false, "127.0.0.1:1": false, "127.0.0.1:0": false,
	} {
		got, err := listen(l, "proxy.listen", address)
		if want && (err != nil || got != l) {
			t.Errorf("%s: %v", address, err)
		}
		if p, ok := errors.AsType[config.Problem](err); !want && (!ok || p.Key != "proxy.listen" || !strings.Contains(p.Message, l.Addr().String())) {
			t.Errorf("%s: %v", address, err)
		}
	}
	everywhere := []*net.TCPAddr{{Port: 80}, {IP: net.IPv4zero, Port: 80}, {IP: net.IPv6unspecified, Port: 80}}
	for _, a := range everywhere {
		for _, b := range everywhere {
			if !sameAddress(a, b) {
				t.Errorf("%v and %v differ", a, b)
			}
		}
	}
}

// Who was given its sockets waits until the one that has the store lets go of it; who was
// not does not wait, and is refused by Start.
func TestAwait(t *testing.T) {
	s := settings(t, gitHub(t))
	first := start(t, s)
	if waited, err := (Sockets{}).Await(t.Context(), s, quiet()); waited || err != nil {
		t.Errorf("without sockets: %v, %v", waited, err)
	}
	second := Sockets{proxy: given(t)}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if waited, err := second.Await(ended, s, quiet()); !waited || !errors.Is(err, context.Canceled) {
		t.Errorf("ended while it waits: %v, %v", waited, err)
	}
	came := make(chan bool, 1)
	go func() {
		waited, err := second.Await(t.Context(), s, quiet())
		came <- waited && err == nil
	}()
	stop(t, first)
	if !<-came {
		t.Error("it did not wait")
	}
	s.ProxyListen = second.proxy.Addr().String()
	d, err := second.Start(s, quiet())
	if err != nil {
		t.Fatal(err)
	}
	if d.proxyAt != second.proxy.Addr() {
		t.Errorf("it listens at %v, not at the socket it was given", d.proxyAt)
	}
	stop(t, d)
	if waited, err := second.Await(t.Context(), s, quiet()); waited || err != nil {
		t.Errorf("with nobody there: %v, %v", waited, err)
	}
}

// An octopool that stops gives up its store while what lasts goes on, whatever that is.
func TestTheStoreIsGivenUpEarly(t *testing.T) {
	g := gitHub(t)
	s := settings(t, g)
	d := start(t, s)
	release, begun := make(chan bool), make(chan bool)
	g.Intercept(lasting(begun, release))
	got := download(client(t, d.Where()), "https://codeload.github.com/acme/web/tar.gz/main", "client-token")
	<-begun
	stopped := make(chan error, 1)
	go func() { stopped <- d.Stop(context.Background()) }()
	if _, err := (Sockets{proxy: given(t)}).Await(t.Context(), s, quiet()); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-stopped:
		t.Fatalf("it did not wait for a download: %v", err)
	default:
	}
	close(release)
	if body := <-got; body != "first, second" {
		t.Errorf("the download: %q", body)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// lasting answers the first half of a download, and the second when it is let go.
func lasting(begun, release chan bool) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.Host != "codeload.github.com" {
			return false
		}
		io.WriteString(w, "first, ")
		w.(http.Flusher).Flush()
		close(begun)
		<-release
		io.WriteString(w, "second")
		return true
	}
}

// download asks in the background and delivers the body, or what went wrong.
func download(c *http.Client, url, token string) <-chan string {
	out := make(chan string, 1)
	go func() {
		r, err := http.NewRequest(http.MethodGet, url, nil)
		if err != nil {
			panic(err) // a bug: the URL is the test's
		}
		r.Header.Set("Authorization", "Bearer "+token)
		resp, err := c.Do(r)
		if err != nil {
			out <- err.Error()
			return
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			out <- err.Error()
			return
		}
		out <- string(body)
	}()
	return out
}

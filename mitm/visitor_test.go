package mitm_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"octopool/mitm"
)

func withLimits(l mitm.Limits) option { return withConfig(func(c *mitm.Config) { c.Limits = l }) }

var limitMet = regexp.MustCompile(`(?m)^octopool_limited_total\{limit="([a-z_]+)"\} ([1-9].*)$`)

// met are the limits that were met so far, with how often where it was more than once.
func (s *setup) met() string {
	var names []string
	for _, m := range limitMet.FindAllStringSubmatch(s.metrics(), -1) {
		name := m[1]
		if m[2] != "1" {
			name += " " + m[2]
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

// secured makes the proxy's listener speak TLS, and returns what dials it.
func secured(t *testing.T) (option, func(*setup) *wire) {
	pair := httptest.NewUnstartedServer(nil)
	pair.StartTLS()
	t.Cleanup(pair.Close)
	change := func(p *plan) {
		p.config.TLS = &tls.Config{Certificates: pair.TLS.Certificates, NextProtos: []string{"http/1.1"}}
	}
	return change, func(s *setup) *wire {
		w := s.wire(t)
		conn := tls.Client(w.Conn, &tls.Config{InsecureSkipVerify: true})
		return &wire{conn, t, bufio.NewReader(conn)}
	}
}

const healthz = "GET /-/healthz HTTP/1.1\nHost: x\n\n"

// Who comes when as many are there as may be is told so, and let in once one has left. What
// has become of a connection does not matter: one that is a tunnel is there as well.
func TestConnections(t *testing.T) {
	tlsDoor, dialTLS := secured(t)
	for _, tt := range []struct {
		name    string
		limits  mitm.Limits
		options []option
		dial    func(*setup) *wire
		status  int
		message string
		met     string
	}{
		{"in all", mitm.Limits{Connections: 3}, nil, func(s *setup) *wire { return s.wire(t) },
			503, "octopool: as many connections are open as may be (limits.connections)", "connections"},
		{"of one address", mitm.Limits{Connections: 4, ConnectionsPerAddress: 3}, nil, func(s *setup) *wire { return s.wire(t) },
			429, "octopool: as many connections of your address are open as may be (limits.connections_per_address)", "connections_per_address"},
		{"in TLS", mitm.Limits{Connections: 3}, []option{tlsDoor}, dialTLS,
			503, "octopool: as many connections are open as may be (limits.connections)", "connections"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t, append(tt.options, anywhere, withLimits(tt.limits))...)
			host := listenAt(t, "127.0.0.1:0", "hello")
			idle, tunnel, intercepted := tt.dial(s), tt.dial(s), tt.dial(s)
			idle.say(healthz)
			idle.hear("GET")
			tunnel.say("CONNECT " + host + " HTTP/1.1\nHost: x\n\n")
			tunnel.hear("CONNECT")
			intercepted.say("CONNECT api.github.com:443 HTTP/1.1\nHost: x\n\n")
			intercepted.hear("CONNECT")

			late := tt.dial(s)
			late.say("CONNECT api.github.com:443 HTTP/1.1\nHost: x\n\n")
			got := late.hear("CONNECT")
			if got.refusal() != refusedText(tt.status, tt.message) || got.header.Get("Retry-After") != "1" || !late.ended() {
				t.Errorf("one too many: %s", got.text("Retry-After"))
			}
			if met := s.met(); met != tt.met {
				t.Errorf("counted: %q", met)
			}
			for name, leaving := range map[string]*wire{"idle": idle, "tunnel": tunnel, "intercepted": intercepted} {
				leaving.Close()
				eventually(t, name+" makes room", func() bool {
					w := tt.dial(s)
					defer w.Close()
					w.say(healthz)
					return w.hear("GET").status == http.StatusOK
				})
			}
		})
	}
}

// Beyond those who are told so, who is too many is not even listened to: silent connections
// cannot grow in number.
func TestSilentConnections(t *testing.T) {
	s := start(t, withLimits(mitm.Limits{Connections: 1}))
	first := s.wire(t)
	first.say(healthz)
	first.hear("GET")
	for range 128 { // half of those who are told: all are of one address
		s.wire(t)
	}
	if w := s.wire(t); !w.ended() {
		t.Error("one more is listened to")
	}
	first.say(healthz)
	if got := first.hear("GET"); got.status != http.StatusOK {
		t.Errorf("who is in: %s", got.text())
	}
}

// An address may ask for so many tunnels a minute, and at once; then for one when its time
// has come.
func TestConnectsPerMinute(t *testing.T) {
	inBubble(t, func(t *testing.T, s *setup, visit func() visitor) {
		connect := func() reply {
			v := visit()
			v.say("CONNECT api.github.com:443 HTTP/1.1\nHost: x\n\n")
			defer v.Close()
			return v.hear("CONNECT")
		}
		for range 3 {
			if got := connect(); got.status != http.StatusOK {
				t.Errorf("within the limit: %s", got.text())
			}
		}
		if got := connect(); got.refusal() != refusedText(429, "octopool: your address opens tunnels faster than it may (limits.connects_per_minute)") {
			t.Errorf("beyond it: %s", got.refusal())
		}
		v := visit()
		v.say(healthz) // it is for tunnels alone
		if got := v.hear("GET"); got.status != http.StatusOK {
			t.Errorf("no tunnel: %s", got.text())
		}
		v.Close()
		<-time.After(21 * time.Second)
		if got := connect(); got.status != http.StatusOK {
			t.Errorf("after 21 seconds: %s", got.text())
		}
		if met := s.met(); met != "connects_per_minute" {
			t.Errorf("counted: %q", met)
		}
	}, withLimits(mitm.Limits{ConnectsPerMinute: 3}))
}

// A connection carries so many requests. The last is answered as all are, and says that it
// was; in HTTP/2 none is lost that was sent meanwhile.
func TestRequestsPerConnection(t *testing.T) {
	s := start(t, withLimits(mitm.Limits{RequestsPerConnection: 4})) // the CONNECT is the first
	w := s.secure(t, "api.github.com")
	for range 3 {
		w.say("GET /zen HTTP/1.1\nHost: api.github.com\nAuthorization: token " + ciToken + "\n\n")
		if got := w.hear("GET"); got.status != http.StatusOK {
			t.Error(got.text())
		}
	}
	if !w.ended() {
		t.Error("the connection stays open")
	}
	if met := s.met(); met != "requests_per_connection" {
		t.Errorf("counted: %q", met)
	}
	c := s.client(ciToken)
	done := make(chan string)
	for n := range 40 {
		go func() {
			got, err := try(c, http.MethodGet, fmt.Sprintf("https://api.github.com/repos/acme/web?n=%d", n), "")
			done <- fmt.Sprint(got.status, got.proto, err)
		}()
	}
	for range 40 {
		if got := <-done; got != "200HTTP/2.0<nil>" {
			t.Error(got)
		}
	}
}

// A long header is refused in octopool's words; one that is longer than what is read at all
// is counted as well.
func TestHeaderBytes(t *testing.T) {
	s := start(t)
	long := strings.Repeat("x", 100<<10)
	for name, c := range map[string]*http.Client{"HTTP/2": s.client(ciToken), "HTTP/1.1": s.client(ciToken, overHTTP1)} {
		got := get(t, c, "https://api.github.com/user", "X", long)
		if got.refusal() != refusedText(431, "octopool: the header of this request is longer than 64 KiB") {
			t.Errorf("%s: %s", name, got.refusal())
		}
	}
	w := s.wire(t)
	go w.Write([]byte("GET /-/healthz HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat(long, 10))) // until nobody reads it
	if got, err := http.ReadResponse(w.in, nil); err == nil && got.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("1 MB: %s", got.Status)
	}
	w.Close()
	eventually(t, "all three are counted", func() bool { return s.met() == "header_bytes 3" })
	if seen := s.github.Seen(); len(seen) > 0 {
		t.Errorf("GitHub saw %v", seen)
	}
}

// So many documents are being read at once, and of one client half of them: one that sends
// them slowly does not keep others out.
func TestDocuments(t *testing.T) {
	s := start(t, withLimits(mitm.Limits{Documents: 2}))
	slow := s.secure(t, "api.github.com")
	slow.say("POST /graphql HTTP/1.1\nHost: api.github.com\nAuthorization: token " + ciToken + "\nExpect: 100-continue\nContent-Length: 27\n\n")
	if got := slow.hear("POST"); got.status != http.StatusContinue { // said when it is read
		t.Fatal(got.text())
	}
	const query = `{"query":"{viewer{login}}"}`
	if got := do(t, s.client(ciToken), http.MethodPost, "https://api.github.com/graphql", query); got.refusal() != refusedText(503, "octopool: as many documents are being read as may be (limits.documents)") {
		t.Errorf("the same client: %s", got.refusal())
	}
	if got := do(t, s.client(opsToken), http.MethodPost, "https://api.github.com/graphql", query); got.status != http.StatusOK {
		t.Errorf("another client: %s", got.text())
	}
	slow.say(query)
	if got := slow.hear("POST"); got.status != http.StatusOK {
		t.Errorf("the slow one: %s", got.text())
	}
	if got := do(t, s.client(ciToken), http.MethodPost, "https://api.github.com/graphql", query); got.status != http.StatusOK {
		t.Errorf("the same client, afterwards: %s", got.text())
	}
	if met := s.met(); met != "documents" {
		t.Errorf("counted: %q", met)
	}
}

// A client's long path does not make a long log.
func TestLogTexts(t *testing.T) {
	s := start(t, withScopes("read /repos/acme/web"))
	get(t, s.client(ciToken), "https://api.github.com/"+strings.Repeat("ü", 8<<10)) // %C3%BC each
	w := s.wire(t)
	w.say("CONNECT " + strings.Repeat("x", 30<<10) + ".example:443 HTTP/1.1\nHost: x\n\n")
	w.hear("CONNECT")
	eventually(t, "both are logged", func() bool { return strings.Count(s.logged(), "… (") >= 2 })
	if text := s.logged(); len(text) > 12<<10 || !strings.Contains(text, "ü… (") {
		t.Errorf("%d bytes are logged:\n%.1000s", len(text), text)
	}
	if met := s.met(); met != "log_text 2" {
		t.Errorf("counted: %q", met)
	}
}

package mitm

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"octopool/mitm/exchange"
	"octopool/policy"
	"octopool/policy/pool"
)

// Every error that can stand between a request and its answer has a status, a reason and
// a text; a text holds no address of this machine, and only a rate limit reads like one.
func TestRefusals(t *testing.T) {
	noon := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	refused := &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(10, 1, 2, 3), Port: 8443}, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	late := &net.OpError{Op: "read", Net: "tcp", Source: &net.TCPAddr{IP: net.IPv4(10, 1, 2, 3), Port: 1}, Err: os.ErrDeadlineExceeded}
	for _, tt := range []struct {
		err     error
		status  int
		reason  string
		message string
	}{
		{policy.ErrNoToken, 401, "no_token", "Requires authentication (octopool: send the token of a registered client)"},
		{policy.ErrUnknownToken, 401, "unknown_token", "Bad credentials (octopool: no client is registered with this token)"},
		{&policy.BadPath{Reason: "a dot segment"}, 400, "path", "octopool: bad path: a dot segment"},
		{&policy.OutOfScope{Client: "ci", Method: "GET", Path: "/user"}, 403, "scope", "octopool: client ci may not GET /user"},
		{exchange.ErrTokenInQuery, 400, "query", "octopool: a token in the query is not read; send an Authorization header"},
		{errForeignHost, 421, "host", "octopool: this tunnel is for another host"},
		{&Forbidden{"tunnel.ports does not list 22"}, 403, "tunnel", "octopool: tunnel.ports does not list 22"},
		{&badTarget{"this is not"}, 400, "target", "octopool: the target of a CONNECT is HOST:PORT, and this is not"},
		{&pool.NotCovered{Pool: "default", Owner: "acme"}, 403, "owner", "octopool: no credential of pool default covers acme"},
		{&pool.NotCovered{Pool: "empty"}, 403, "owner", "octopool: pool empty has no credential"},
		{&pool.OutOfService{Pool: "default", Reason: "GitHub answered 401 Bad credentials"}, 503, "credential",
			"octopool: no credential of pool default is in service: GitHub answered 401 Bad credentials"},
		{&pool.Exhausted{Pool: "default", Resource: "core", Budget: pool.Budget{Limit: 5000, Reset: noon.Add(time.Hour)}}, 403, "budget",
			"API rate limit exceeded for pool default: it has no core budget left until 2026-07-01T13:00:00Z. (octopool)"},
		{&pool.Cooling{Pool: "default", Until: noon.Add(90 * time.Second)}, 403, "secondary",
			"You have exceeded a secondary rate limit. (octopool: pool default is silent until 2026-07-01T12:01:30Z after a secondary limit) Please wait a few minutes before you try again."},
		{&exchange.Truncated{Err: late}, 400, "body", "octopool: the request's body ended early"},
		{&exchange.Unreachable{Host: "api.github.com", Err: refused}, 502, "unreachable", "octopool: api.github.com gave no answer"},
		{&exchange.Unreachable{Host: "api.github.com", Err: io.EOF}, 502, "unreachable", "octopool: api.github.com gave no answer"},
		{&exchange.Unreachable{Host: "api.github.com", Err: x509.UnknownAuthorityError{}}, 502, "unreachable", "octopool: api.github.com gave no answer"},
		{&exchange.Unreachable{Host: "api.github.com", Err: late}, 504, "timeout", "octopool: api.github.com gave no answer"},
		{&exchange.Unreachable{Host: "api.github.com", Err: &net.DNSError{Name: "inside.corp", IsNotFound: true}}, 502, "unreachable", "octopool: api.github.com gave no answer"},
		{refused, 502, "unreachable", "octopool: cannot connect: connect: connection refused"},
		{errors.Join(refused, refused), 502, "unreachable", "octopool: cannot connect: connect: connection refused"},
		{&net.DNSError{Err: "no such host", Name: "nowhere.example", Server: "10.1.2.3:53", IsNotFound: true}, 502, "unreachable", "octopool: no address for nowhere.example"},
		{late, 504, "timeout", "octopool: no answer in time"},
		{context.DeadlineExceeded, 504, "timeout", "octopool: no answer in time"},
		{fmt.Errorf("a bug at 10.1.2.3"), 500, "internal", "octopool: internal error"},
		{exchange.ErrNoGrant, 500, "internal", "octopool: internal error"},
	} {
		r := refusalFor(fmt.Errorf("wrapped: %w", tt.err), noon)
		if r.status != tt.status || r.reason != tt.reason || r.message != tt.message {
			t.Errorf("%T %v:\n%d %s %s\nwant\n%d %s %s", tt.err, tt.err, r.status, r.reason, r.message, tt.status, tt.reason, tt.message)
		}
		if strings.Contains(r.body(), "10.1.2.3") || strings.Contains(r.body(), "inside.corp") {
			t.Errorf("%v: the answer holds an address: %s", tt.err, r.body())
		}
		if limit := r.reason == "budget" || r.reason == "secondary"; limit != strings.Contains(strings.ToLower(r.body()), "rate limit") {
			t.Errorf("%v: the answer is taken for a rate limit, or is not: %s", tt.err, r.body())
		}
		if challenge := r.header.Get("Www-Authenticate"); (r.status == 401) != (challenge == `Basic realm="GitHub"`) {
			t.Errorf("%v: %d with challenge %q", tt.err, r.status, challenge)
		}
	}
}

// A refusal is the same by every way it is sent: an answer inside a tunnel or on a CONNECT.
func TestRefusalsAreOneShape(t *testing.T) {
	err := &Forbidden{`a "rule"`}
	const want = `{"message":"octopool: a \"rule\"","documentation_url":"https://docs.github.com/rest","status":"403"}`
	w := httptest.NewRecorder()
	r := refusalFor(err, time.Time{})
	r.write(w, http.MethodGet, r.body())
	onConnect := connectRefusal(nil, err)
	body, readErr := io.ReadAll(onConnect.Body)
	if readErr != nil || string(body) != want || w.Body.String() != want {
		t.Errorf("%s and %s, want %s", body, w.Body, want)
	}
	if got, want := fmt.Sprint(onConnect.Header), fmt.Sprint(w.Header()); got != want || w.Code != onConnect.StatusCode {
		t.Errorf("%s and %s", got, want)
	}
	head := httptest.NewRecorder()
	r.write(head, http.MethodHead, r.body())
	if head.Body.Len() > 0 || fmt.Sprint(head.Header()) != fmt.Sprint(w.Header()) {
		t.Errorf("HEAD: %v %s", head.Header(), head.Body)
	}
}

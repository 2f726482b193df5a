package mitm_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"octopool/mitm"
)

// smuggled is a request within what is sent as another. It has a token, and so would be
// answered if it were taken for one.
const smuggled = "GET /repos/acme/api/smuggled HTTP/1.1\r\nHost: api.github.com\r\nAuthorization: token " + ciToken + "\r\n\r\n"

// However the end of a request may be read in two ways, GitHub sees that one, or none; what
// comes behind it, or in it, is not taken for another.
func TestNoRequestWithinAnother(t *testing.T) {
	inside := start(t)
	door := start(t, withDoor(mitm.Door{BaseURL: true}))
	chunk := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(smuggled), smuggled)
	post := "POST /repos/acme/web/issues HTTP/1.1\r\nHost: api.github.com\r\nAuthorization: token " + ciToken + "\r\n"
	get := "GET /repos/acme/web HTTP/1.1\r\nHost: api.github.com\r\nAuthorization: token " + ciToken + "\r\n"
	names, mayBeSeen := map[*setup]map[string]string{inside: {}, door: {}}, map[string]bool{}
	for n, tt := range []struct {
		name, bytes string
		seen        bool // GitHub may see it; it is one request in any reading
	}{
		{"a length, and chunks that end before it", post + "Content-Length: " + fmt.Sprint(len(smuggled)+5) + "\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled, true},
		{"chunks, and a length that ends before them", post + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n" + chunk, true},
		{"chunks, and no length", post + "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n" + chunk, true},
		{"two lengths", post + "Content-Length: 0\r\nContent-Length: " + fmt.Sprint(len(smuggled)) + "\r\n\r\n" + smuggled, false},
		{"two lengths in one line", post + "Content-Length: 0, " + fmt.Sprint(len(smuggled)) + "\r\n\r\n" + smuggled, false},
		{"a signed length", post + "Content-Length: +0\r\n\r\n" + smuggled, false},
		{"a negative length", post + "Content-Length: -1\r\n\r\n" + smuggled, false},
		{"a hexadecimal length", post + "Content-Length: 0x0\r\n\r\n" + smuggled, false},
		{"a length beyond counting", post + "Content-Length: 18446744073709551616\r\n\r\n" + smuggled, false},
		{"an empty length", post + "Content-Length: \r\n\r\n" + smuggled, false},
		{"a space before the colon", post + "Content-Length : 0\r\n\r\n" + smuggled, false},
		{"a space before the colon of chunks", post + "Transfer-Encoding : chunked\r\nContent-Length: 0\r\n\r\n" + chunk, false},
		{"chunks twice", post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk, false},
		{"chunks and what they are not", post + "Transfer-Encoding: chunked, identity\r\n\r\n" + chunk, false},
		{"chunks by another name", post + "Transfer-Encoding: xchunked\r\n\r\n" + chunk, false},
		{"chunks behind a control", post + "Transfer-Encoding: \x0bchunked\r\n\r\n" + chunk, false},
		{"chunks folded", post + "Transfer-Encoding:\r\n chunked\r\nContent-Length: 0\r\n\r\n" + chunk, true},
		{"chunks in HTTP/1.0", strings.Replace(post, "1.1", "1.0", 1) + "Transfer-Encoding: chunked\r\n\r\n" + chunk, true},
		{"a size with a sign", post + "Transfer-Encoding: chunked\r\n\r\n+0\r\n\r\n" + smuggled, true},
		{"a size that goes on", post + "Transfer-Encoding: chunked\r\n\r\n0000000000000000000000\r\n\r\n" + smuggled, true},
		{"a size that ends in a bare LF", post + "Transfer-Encoding: chunked\r\n\r\n0;x\n\r\n" + smuggled, true},
		{"a chunk that is longer than it says", post + "Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n" + smuggled, true},
		{"a trailer that is a length", post + "Transfer-Encoding: chunked\r\nTrailer: Content-Length\r\n\r\n0\r\nContent-Length: 99\r\n\r\n" + smuggled, true},
		{"a bare CR in a field", get + "X: a\rContent-Length: 0\r\n\r\n", false},
		{"a NUL in a field", get + "X: a\x00b\r\n\r\n", false},
		{"a field without a name", get + ": x\r\n\r\n", false},
		{"a field with a space in its name", get + "X Y: x\r\n\r\n", false},
		{"a line that is no field", get + "nothing\r\n\r\n", false},
		{"a fold before the first field", "GET /repos/acme/web HTTP/1.1\r\n X: y\r\nHost: api.github.com\r\nAuthorization: token " + ciToken + "\r\n\r\n", false},
		{"a folded Host", "GET /repos/acme/web HTTP/1.1\r\nHost: api.github.com\r\n .evil.example\r\nAuthorization: token " + ciToken + "\r\n\r\n", false},
		{"a folded token", "GET /repos/acme/web HTTP/1.1\r\nHost: api.github.com\r\nAuthorization: token\r\n " + ciToken + "\r\nConnection: close\r\n\r\n", true},
		{"bare LFs", strings.ReplaceAll(get+"Connection: close\r\n\r\n", "\r\n", "\n"), true},
		{"a request line within the line", "GET /repos/acme/web HTTP/1.1 GET /smuggled HTTP/1.1\r\nHost: api.github.com\r\nAuthorization: token " + ciToken + "\r\n\r\n", false},
		{"an encoded line's end in the path", "GET /repos/acme/web%0d%0aX:%20smuggled HTTP/1.1\r\nHost: api.github.com\r\nAuthorization: token " + ciToken + "\r\n\r\n", false},
		{"a space in the path", "GET /repos/acme/web /x HTTP/1.1\r\nHost: api.github.com\r\nAuthorization: token " + ciToken + "\r\n\r\n", false},
		{"a method that is none", "G\x00T /repos/acme/web HTTP/1.1\r\nHost: api.github.com\r\nAuthorization: token " + ciToken + "\r\n\r\n", false},
		{"a version that is none", "GET /repos/acme/web HTTP/1.12\r\nHost: api.github.com\r\nAuthorization: token " + ciToken + "\r\n\r\n", false},
		{"a body of a GET", get + "Content-Length: " + fmt.Sprint(len(smuggled)) + "\r\nConnection: close\r\n\r\n" + smuggled, true},
	} {
		for where, dial := range map[string]func() (*setup, *wire){
			"inside":      func() (*setup, *wire) { return inside, inside.secure(t, "api.github.com") },
			"at the door": func() (*setup, *wire) { return door, door.wire(t) },
		} {
			s, w := dial()
			path := fmt.Sprintf("/repos/acme/web/case-%d", n) // GitHub may tell of one late that broke off
			names[s][path] = tt.name
			if tt.seen {
				mayBeSeen[path] = true
			}
			go io.WriteString(w, strings.ReplaceAll(tt.bytes, "/repos/acme/web", path)) // some of it nobody reads
			if answers := answersOf(t, w); len(answers) > 1 || !tt.seen && (len(answers) != 1 || answers[0] < 400) {
				t.Errorf("%s, %s: answered %v", tt.name, where, answers)
			}
		}
	}
	for s, names := range names {
		if err := s.stop(t.Context()); err != nil {
			t.Error(err)
		}
		seen := map[string]int{}
		for _, one := range s.github.Seen() {
			path := one.Path
			if before, _, below := strings.Cut(path, "/issues"); below {
				path = before
			}
			if seen[path]++; one.Host != "api.github.com" || !mayBeSeen[path] || seen[path] > 1 {
				t.Errorf("%s: GitHub saw %v", names[path], one)
			}
		}
		if len(seen) < 5 {
			t.Errorf("GitHub saw %v alone", seen)
		}
	}
}

// answersOf are the statuses of what is answered. After the first the client has no more to say.
func answersOf(t *testing.T, w *wire) (statuses []int) {
	t.Helper()
	for {
		resp, err := http.ReadResponse(w.in, nil)
		if err != nil {
			return statuses
		}
		statuses = append(statuses, resp.StatusCode)
		io.Copy(io.Discard, resp.Body)
		w.Conn.(interface{ CloseWrite() error }).CloseWrite()
	}
}

// frames is an HTTP/2 connection on which a test writes frames of its own.
type frames struct {
	*http2.Framer
	t    *testing.T
	conn io.Closer
}

func (s *setup) frames(t *testing.T) *frames {
	w := s.secure(t, "api.github.com", func(c *tls.Config) { c.NextProtos = []string{"h2"} })
	io.WriteString(w.Conn, http2.ClientPreface)
	f := &frames{http2.NewFramer(w.Conn, bufio.NewReader(w.Conn)), t, w.Conn}
	f.AllowIllegalWrites = true
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	f.WriteSettings()
	return f
}

// open sends a request's header, as it is: pairs of names and values.
func (f *frames) open(stream uint32, end bool, pairs ...string) {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	for i := 0; i < len(pairs); i += 2 {
		e.WriteField(hpack.HeaderField{Name: pairs[i], Value: pairs[i+1]})
	}
	f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: b.Bytes(), EndStream: end, EndHeaders: true})
}

// answer is what becomes of a stream: a status, or how it or the connection was ended.
func (f *frames) answer(stream uint32) string {
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			return "ended"
		}
		switch frame := frame.(type) {
		case *http2.MetaHeadersFrame:
			if frame.StreamID == stream {
				return frame.PseudoValue("status")
			}
		case *http2.RSTStreamFrame:
			if frame.StreamID == stream {
				return frame.ErrCode.String()
			}
		case *http2.GoAwayFrame:
			if frame.ErrCode != http2.ErrCodeNo {
				return "connection: " + frame.ErrCode.String()
			}
		}
	}
}

// What HTTP/2 lets one write that would be something else in HTTP/1.1 does not get to
// GitHub; neither does a request for another host than the tunnel's.
func TestNoRequestWithinAnotherInHTTP2(t *testing.T) {
	s := start(t)
	normal := []string{":method", "GET", ":scheme", "https", ":authority", "api.github.com", ":path", "/repos/acme/web", "authorization", "token " + ciToken}
	with := func(pairs ...string) []string { return append(slices.Clone(normal), pairs...) }
	instead := func(name, value string) []string {
		out := slices.Clone(normal)
		out[slices.Index(out, name)+1] = value
		return out
	}
	for _, tt := range []struct {
		name  string
		pairs []string
		want  string // one of several, with a | between
	}{
		{"a usual request", normal, "200"},
		{"another authority", instead(":authority", "evil.example"), "421"},
		{"the authority of another origin", instead(":authority", "github.com"), "421"},
		{"an authority with a user", instead(":authority", "api.github.com@evil.example"), "421|400|PROTOCOL_ERROR"},
		{"another port", instead(":authority", "api.github.com:8443"), "421"},
		{"an authority with a line's end", instead(":authority", "api.github.com\r\nX: y"), "421|400|PROTOCOL_ERROR"},
		{"a Host beside the authority", with("host", "evil.example"), "200|400|421|PROTOCOL_ERROR"}, // which has no say
		{"two authorities", with(":authority", "evil.example"), "PROTOCOL_ERROR"},
		{"two paths", with(":path", "/smuggled"), "PROTOCOL_ERROR"},
		{"a pseudo-header behind others", with(":scheme", "https"), "PROTOCOL_ERROR"},
		{"a pseudo-header that is none", append([]string{":x", "y"}, normal...), "PROTOCOL_ERROR"},
		{"an answer's pseudo-header", append([]string{":status", "200"}, normal...), "PROTOCOL_ERROR"},
		{"no path", instead(":path", ""), "PROTOCOL_ERROR"},
		{"a path without a slash", instead(":path", "repos/acme/web"), "400|PROTOCOL_ERROR"},
		{"a path that is a URL", instead(":path", "https://evil.example/"), "421"},
		{"a path with a request behind it", instead(":path", "/repos/acme/web HTTP/1.1\r\nHost: evil\r\n\r\nGET /smuggled"), "400|PROTOCOL_ERROR"},
		{"a method with a request behind it", instead(":method", "GET /smuggled HTTP/1.1\r\n\r\nGET"), "400|PROTOCOL_ERROR"},
		{"another scheme", instead(":scheme", "http"), "200|400|421|PROTOCOL_ERROR"},
		{"a line's end in a value", with("x", "a\r\nsmuggled: b"), "PROTOCOL_ERROR"},
		{"a NUL in a value", with("x", "a\x00b"), "PROTOCOL_ERROR"},
		{"a line's end in a name", with("x\r\nsmuggled", "a"), "PROTOCOL_ERROR"},
		{"a name in capitals", with("Smuggled", "a"), "PROTOCOL_ERROR"},
		{"a colon in a name", with("x: y", "a"), "PROTOCOL_ERROR"},
		{"chunks", with("transfer-encoding", "chunked"), "400|PROTOCOL_ERROR"},
		{"a Connection", with("connection", "smuggled", "smuggled", "1"), "400|PROTOCOL_ERROR"},
		{"an upgrade", with("upgrade", "h2c"), "400|PROTOCOL_ERROR"},
		{"a length without a body", with("content-length", "10"), "200|PROTOCOL_ERROR|400"}, // GitHub is told of none
		{"a CONNECT", []string{":method", "CONNECT", ":authority", "evil.example:443"}, "421|400|PROTOCOL_ERROR"},
	} {
		f := s.frames(t)
		before := len(s.github.Seen())
		f.open(1, true, tt.pairs...)
		got := f.answer(1)
		f.conn.Close()
		if !slices.Contains(strings.Split(tt.want, "|"), strings.TrimPrefix(got, "connection: ")) {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
		seen := s.github.Seen()[before:]
		if len(seen) > 1 || len(seen) == 1 && got != "200" {
			t.Errorf("%s: GitHub saw %v", tt.name, seen)
		}
		for _, one := range seen {
			if one.Host != "api.github.com" || one.Path != "/repos/acme/web" || one.Header.Get("Smuggled") != "" || one.Header.Get("Host") != "" {
				t.Errorf("%s: GitHub saw %v", tt.name, one)
			}
		}
	}
	// Less and more of a body than was said.
	for _, length := range []string{"3", "5"} {
		f := s.frames(t)
		before := len(s.github.Seen())
		f.open(1, false, ":method", "POST", ":scheme", "https", ":authority", "api.github.com", ":path", "/repos/acme/web/issues", "authorization", "token "+ciToken, "content-length", length)
		f.WriteData(1, true, []byte("{ 4}"))
		if got := f.answer(1); got == "200" || got == "201" {
			t.Errorf("4 bytes of %s: %s", length, got)
		}
		f.conn.Close()
		if seen := s.github.Seen()[before:]; len(seen) > 0 {
			t.Errorf("4 bytes of %s: GitHub saw %v", length, seen)
		}
	}
}

// A storm of streams that are reset at once (CVE-2023-44487) ends its connection, after no
// more work than one may have at the same time anyhow; so do more streams than there may be.
func TestStreamsAndResets(t *testing.T) {
	for name, tt := range map[string]struct {
		storm func(f *frames, stream uint32)
		want  string
		met   string
	}{
		"reset": {func(f *frames, stream uint32) { f.WriteRSTStream(stream, http2.ErrCodeCancel) }, "connection: ENHANCE_YOUR_CALM", "resets"},
		"kept":  {func(*frames, uint32) {}, "", "streams"},
	} {
		slow := slowLog{slog.DiscardHandler, make(chan struct{})} // so that what was reset is still at work
		s := start(t, withConfig(func(c *mitm.Config) { c.Log = slog.New(slow) }))
		f := s.frames(t)
		got := make(chan string, 1)
		go func() { got <- f.answer(1<<31 - 1) }()
		const most = 250
		for n := range uint32(8 * most) {
			stream := 2*n + 1
			f.open(stream, true, ":method", "GET", ":scheme", "https", ":authority", "api.github.com", ":path", fmt.Sprintf("/repos/acme/%d", n), "authorization", "token nobodys")
			tt.storm(f, stream)
		}
		if tt.want != "" {
			if end := <-got; end != tt.want && end != "ended" {
				t.Errorf("%s: %s, want %s", name, end, tt.want)
			}
		}
		eventually(t, name+" is counted", func() bool { return strings.HasPrefix(s.met(), tt.met) })
		close(slow.until)
		f.conn.Close()
	}
}

// A slowLog takes the lines of requests once until is closed.
type slowLog struct {
	slog.Handler
	until chan struct{}
}

func (s slowLog) Enabled(context.Context, slog.Level) bool { return true }

func (s slowLog) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "request" {
		<-s.until
	}
	return nil
}

// Cookies are nobody's: a client's do not get to GitHub, and GitHub's do not get to clients
// whose answers are of a pool's credential, fresh, stored or revalidated.
func TestCookies(t *testing.T) {
	s := start(t, withRulesAnonymous("passthrough"))
	s.github.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Set-Cookie", "_gh_sess=of-"+strings.ReplaceAll(r.Header.Get("Authorization"), " ", "-")+"; path=/; secure")
		return false
	})
	for name, c := range map[string]*http.Client{"ci": s.client(ciToken), "ops": s.client(opsToken)} {
		for _, target := range []string{"api.github.com/repos/acme/web", "api.github.com/repos/acme/web", "github.com/acme/web.git/info/refs?service=git-upload-pack", "api.github.com/repos/acme/nothing"} {
			got := get(t, c, "https://"+target, "Cookie", "user_session=of-"+name+"; logged_in=yes")
			if len(got.header["Set-Cookie"]) > 0 {
				t.Errorf("%s, %s: %v", name, target, got.header["Set-Cookie"])
			}
		}
		do(t, c, http.MethodPost, "https://api.github.com/repos/acme/web/issues", `{"title":"x"}`, "Cookie", "user_session=of-"+name)
	}
	get(t, s.client(""), "https://api.github.com/repos/acme/web", "Cookie", "user_session=of-nobody")
	for _, one := range s.github.Seen() {
		if len(one.Header["Cookie"]) > 0 {
			t.Errorf("GitHub saw %v", one.Header["Cookie"])
		}
	}
}

// What Connection names, and what is between two neighbours by its nature, ends with that
// connection, both ways and of every kind of request.
func TestHopByHop(t *testing.T) {
	private := []string{"Keep-Alive", "Proxy-Authenticate", "Proxy-Connection", "X-Private", "X-Other", "Connection", "Te", "Upgrade", "Trailer", "Proxy-Authorization"}
	var sent []http.Header
	s := start(t, fixed(t, "HTTP/1.1", func(w http.ResponseWriter, r *http.Request) {
		sent = append(sent, r.Header.Clone())
		h := w.Header()
		h.Add("Connection", "X-Private, keep-alive")
		h.Add("Connection", "x-other")
		for _, name := range []string{"X-Private", "X-Other", "Keep-Alive", "Proxy-Authenticate", "Proxy-Connection", "Upgrade"} {
			h.Set(name, "of the connection")
		}
		h.Set("X-Public", "of the answer")
		h.Set("ETag", `"tag"`)
		io.WriteString(w, "{}")
	}))
	for _, line := range []string{"GET /repos/acme/web", "POST /repos/acme/web/issues", "POST /graphql", "GET /acme/web.git/info/refs?service=git-upload-pack"} {
		host := "api.github.com"
		if strings.Contains(line, ".git/") {
			host = "github.com"
		}
		w := s.secure(t, host)
		w.say(line + " HTTP/1.1\nHost: " + host + "\nAuthorization: token " + ciToken + "\nConnection: X-Private, close\nConnection: x-other\nX-Private: 1\nX-Other: 1\nKeep-Alive: 1\nTE: trailers\n" +
			"Proxy-Connection: x\nProxy-Authorization: Basic eDp5\nX-Public: 1\nContent-Length: 2\n\n{}")
		got := w.hear("GET")
		if got.status != http.StatusOK || got.header.Get("X-Public") != "of the answer" {
			t.Errorf("%s: %s", line, got.text("X-Public"))
		}
		for _, name := range private {
			if name != "Connection" && len(got.header[name]) > 0 {
				t.Errorf("%s: the client got %s: %v", line, name, got.header[name])
			}
		}
	}
	if len(sent) != 4 {
		t.Fatalf("GitHub was asked %d times", len(sent))
	}
	for _, h := range sent {
		for _, name := range private {
			if len(h[name]) > 0 {
				t.Errorf("GitHub got %s: %v", name, h[name])
			}
		}
	}
}

func withRulesAnonymous(what string) option {
	return func(p *plan) { p.rules.Anonymous = what }
}

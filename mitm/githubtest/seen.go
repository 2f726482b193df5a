package githubtest

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// bodyKept is how much of one request body the log keeps to search in. Packs
// and release assets beyond it are digested whole all the same.
const bodyKept = 4 << 20

// A Seen is one request as it reached the server, and what it was answered.
type Seen struct {
	Time       time.Time
	Proto      string // HTTP/1.1 or HTTP/2.0
	Host       string
	Method     string
	Path       string // as on the wire, escapes kept
	Query      string
	Header     http.Header
	Body       []byte // at most 4 MiB of it
	BodyLength int64  // all that was read
	BodyDigest string // hex SHA-256 of all that was read
	Status     int    // 0 while unanswered
	Login      string // whose credential it carried; empty for none, a bad one or an App's JWT
	Principal  string // whose budget that is: the login, installation:ID or app:ID
	Resource   string // whose budget it was counted against; empty off the API
	Points     int    // what it cost there
}

// String is one line: the method, the URL, the status and what it cost.
func (seen Seen) String() string {
	target := seen.Host + seen.Path
	if seen.Query != "" {
		target += "?" + seen.Query
	}
	return fmt.Sprintf("%s %s %d %s %d", seen.Method, target, seen.Status, seen.Login, seen.Points)
}

// A record is a Seen in the making. The server's mutex guards it.
type record struct {
	Seen
	digest  hash.Hash
	crowded bool // too many of its principal's were in flight when it came
}

// record opens the log entry of a request and watches its body.
func (s *Server) record(r *http.Request, host string) *record {
	rec := &record{
		Seen: Seen{
			Time: s.now(), Proto: r.Proto, Host: host, Method: r.Method,
			Path: r.URL.EscapedPath(), Query: r.URL.RawQuery, Header: r.Header.Clone(),
		},
		digest: sha256.New(),
	}
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = &watchedBody{ReadCloser: r.Body, rec: rec, s: s}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, rec)
	s.forget()
	s.requests++
	return rec
}

// KeepSeen bounds the log from now on to the last n requests: a simulated hour has hundreds
// of thousands. A negative n, as to begin with, keeps all.
func (s *Server) KeepSeen(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keep = n
	s.forget()
}

func (s *Server) forget() {
	if s.keep >= 0 && len(s.log) > s.keep {
		s.log = s.log[len(s.log)-s.keep:]
	}
}

// Statuses is how many requests were ever answered with each status, whatever the log keeps.
func (s *Server) Statuses() map[int]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.statuses)
}

// by notes who a request turned out to come from. The caller holds the server's mutex.
func (rec *record) by(v viewer) { rec.Login, rec.Principal = v.login, v.principal() }

// note adds to a log entry what the handler found out.
func (s *Server) note(rec *record, change func(*Seen)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&rec.Seen)
}

// Seen is the log so far, oldest first.
func (s *Server) Seen() []Seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Seen, len(s.log))
	for i, rec := range s.log {
		all[i] = rec.Seen
		all[i].Header = rec.Header.Clone()
		all[i].Body = bytes.Clone(rec.Body)
		all[i].BodyDigest = hex.EncodeToString(rec.digest.Sum(nil))
	}
	return all
}

// ResetSeen empties the log. Budgets stay as they are.
func (s *Server) ResetSeen() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = nil
}

// Contains says where in the log a text occurs: in a request line, a header, a
// decoded Basic credential, a query after decoding, or a body, gzip'd bodies
// included. It is how a test shows that a secret never reached GitHub.
func (s *Server) Contains(secret string) []string {
	if secret == "" {
		return nil
	}
	var found []string
	for i, seen := range s.Seen() {
		for _, place := range seen.placesOf(secret) {
			found = append(found, fmt.Sprintf("request %d, %s %s%s: %s", i+1, seen.Method, seen.Host, seen.Path, place))
		}
	}
	return found
}

func (seen Seen) placesOf(secret string) []string {
	var places []string
	add := func(place, text string) {
		if strings.Contains(text, secret) {
			places = append(places, place)
		}
	}
	addFolded := func(place, text string) { // what HTTP writes in its own case
		if strings.Contains(strings.ToLower(text), strings.ToLower(secret)) {
			places = append(places, place)
		}
	}
	addFolded("host", seen.Host)
	add("path", seen.Path)
	if plain, err := url.PathUnescape(seen.Path); err == nil && plain != seen.Path {
		add("decoded path", plain)
	}
	add("query", seen.Query)
	if plain, err := url.QueryUnescape(seen.Query); err == nil && plain != seen.Query {
		add("decoded query", plain)
	}
	names := make([]string, 0, len(seen.Header))
	for name := range seen.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		addFolded("header name", name)
		for _, value := range seen.Header[name] {
			add("header "+name, value)
			if scheme, rest, ok := strings.Cut(value, " "); ok && strings.EqualFold(scheme, "basic") {
				if plain, err := base64.StdEncoding.DecodeString(strings.TrimSpace(rest)); err == nil {
					add("Basic credential in "+name, string(plain))
				}
			}
		}
	}
	add("body", string(seen.Body))
	if zipped, err := gzip.NewReader(bytes.NewReader(seen.Body)); err == nil {
		plain, _ := io.ReadAll(io.LimitReader(zipped, bodyKept)) // a cut body still has a readable part
		add("unzipped body", string(plain))
	}
	return places
}

// watchedBody copies into the log what a handler reads of a request body.
type watchedBody struct {
	io.ReadCloser
	rec *record
	s   *Server
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.s.note(b.rec, func(seen *Seen) {
			b.rec.digest.Write(p[:n])
			seen.BodyLength += int64(n)
			if room := bodyKept - len(seen.Body); room > 0 {
				seen.Body = append(seen.Body, p[:min(n, room)]...)
			}
		})
	}
	return n, err
}

// watchedWriter notes the status in the log. It has no ReadFrom, so that
// whatever is copied through it can be flushed as it comes.
type watchedWriter struct {
	http.ResponseWriter
	rec   *record
	s     *Server
	leave func() // called when an answer begins
}

func (w *watchedWriter) WriteHeader(status int) {
	w.begin(status)
	w.ResponseWriter.WriteHeader(status)
}

func (w *watchedWriter) Write(p []byte) (int, error) {
	w.begin(http.StatusOK)
	return w.ResponseWriter.Write(p)
}

// begin notes the answer's status, the first time. What is below 200 comes before the answer.
func (w *watchedWriter) begin(status int) {
	if status < 200 {
		return
	}
	w.s.note(w.rec, func(seen *Seen) {
		if seen.Status == 0 {
			seen.Status = status
			w.s.statuses[status]++
		}
	})
	w.leave()
}

// Flush passes on what has been written so far.
func (w *watchedWriter) Flush() { http.NewResponseController(w.ResponseWriter).Flush() }

// Unwrap is for http.ResponseController.
func (w *watchedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

package exchange_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"octopool/mitm/exchange"
	"octopool/policy"
)

// client asks, writes and reads back.
func (w *walk) client(name string, random *rand.Rand) {
	known := map[question]held{}
	writes := 12
	if w.freshFor > 0 {
		writes = 80 // or there is never anything fresh
	}
	start := time.Now()
	for step := 0; step < steps || step < 40*steps && (time.Since(start) < w.lasts || w.lacksHits()); step++ {
		if !w.outside && name == "client-1" && step == steps/4 {
			w.writeAndRestart()
			for _, q := range questions()[:4] { // what was written
				w.read(name, q, known, random)
			}
		}
		q := w.truth.draw(random)
		if w.freshFor > 0 && random.IntN(6) == 0 {
			q = question{target: "/orgs/acme/repos"} // which shows what is written elsewhere
		}
		if random.IntN(writes) == 0 {
			q = question{target: w.write(name, random, step)}
		}
		w.read(name, q, known, random)
	}
}

// lacksHits reports whether a course of fresh answers has had too few to show anything.
func (w *walk) lacksHits() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.freshFor > 0 && w.outcomes[exchange.Hit] < 50
}

// held is what a client has of a resource.
type held struct{ tag, body string }

// written is the resource that clients write.
const written = "/repos/acme/web/issues/1"

// write changes an issue, or a repository, through octopool. It returns what to read then.
func (w *walk) write(name string, random *rand.Rand, step int) (shows string) {
	target, body, shows := written, fmt.Sprintf(`{"title":"by %s, %d"}`, name, step), written
	if random.IntN(2) == 0 {
		target, body, shows = "/repos/acme/web", fmt.Sprintf(`{"description":"by %s, %d"}`, name, step), "/orgs/acme/repos"
	}
	w.truth.change(func() { w.patch(name, target, body) }, "")
	w.gate.changed()
	return shows
}

// writeAndRestart makes the last write of one life, of which the next does not know.
func (w *walk) writeAndRestart() {
	took := false
	for i := 0; i < len(callers()) && !took; i++ { // not all credentials may
		w.truth.change(func() {
			if took = w.patch(callers()[i].Name, written, `{"title":"the last of a life"}`); took {
				w.restart()
			}
		}, "")
		w.gate.changed()
	}
}

// patch sends a write, and reports whether GitHub took it.
func (w *walk) patch(name, target, body string) bool {
	in := &http.Request{Method: http.MethodPatch, URL: &url.URL{Path: target}, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}
	w.gate.enter()
	defer w.gate.answered()
	a, err := w.now.Load().Do(context.Background(), w.grant(name, in), in)
	if err != nil {
		w.tolerate(err)
		return false
	}
	defer a.Body.Close()
	io.Copy(io.Discard, a.Body)
	return a.Status == http.StatusOK
}

// read asks once and notes what came, and when.
func (w *walk) read(name string, q question, known map[question]held, random *rand.Rand) {
	in, err := http.NewRequest(http.MethodGet, "https://api.github.com"+q.target, nil)
	if err != nil {
		w.Error(err)
		return
	}
	in.Header = q.header()
	if random.IntN(10) == 0 {
		in.Method = http.MethodHead
	}
	zips := random.IntN(3) > 0
	if zips {
		in.Header.Set("Accept-Encoding", "gzip")
	}
	if known[q].tag != "" && random.IntN(3) == 0 {
		in.Header.Set("If-None-Match", known[q].tag)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if random.IntN(12) == 0 {
		w.gate.leaver(cancel)
	}
	grant := w.grant(name, in)
	began := time.Now()
	w.gate.enter()
	defer w.gate.answered()
	a, err := w.now.Load().Do(ctx, grant, in)
	if err != nil {
		w.tolerate(err)
		return
	}
	defer a.Body.Close()
	if random.IntN(20) == 0 {
		return // the client leaves before it has read anything
	}
	body, err := io.ReadAll(a.Body)
	if err != nil {
		return // and it was told so
	}
	text := plain(a, body)
	s := sighting{question: q, client: name, credential: a.Credential, pool: grant.Pool(), method: in.Method, outcome: a.Outcome, began: began, ended: time.Now(), status: a.Status, body: text, header: a.Header}
	if a.Header.Get("Content-Encoding") != "" && !zips {
		w.Errorf("%s\nwith an encoding that was not asked for", s)
	}
	if tag := a.Header.Get("Etag"); tag != "" && in.Method == http.MethodGet && a.Status == http.StatusOK {
		known[q] = held{tag, text}
	} else if a.Status == http.StatusNotModified {
		s.status, s.body = http.StatusOK, known[q].body // which the client now takes for true
		s.conditional = true
	}
	w.note(s)
}

// plain is an answer's body without its encoding. One that came to its end and has not
// the encoding it should have is wrong as any other.
func plain(a *exchange.Answer, body []byte) string {
	if a.Header.Get("Content-Encoding") == "" || len(body) == 0 {
		return string(body)
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err == nil {
		var text []byte
		if text, err = io.ReadAll(z); err == nil {
			return string(text)
		}
	}
	return "not gzip: " + err.Error()
}

func (w *walk) note(s sighting) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, s)
	w.outcomes[s.outcome]++
	tag := strings.Trim(strings.TrimPrefix(s.header.Get("Etag"), "W/"), `"`)
	if tag == "" || s.method == http.MethodHead {
		return
	}
	if other, known := w.tags[tag]; known && other != s.body {
		w.Errorf("%s\nits ETag is another body's too", s)
	}
	w.tags[tag] = s.body
}

// tolerate accepts errors that were made here.
func (w *walk) tolerate(err error) {
	if _, ok := errors.AsType[*exchange.Unreachable](err); ok || errors.Is(err, context.Canceled) {
		return
	}
	w.Errorf("refused: %v", err)
}

func (w *walk) grant(client string, in *http.Request) policy.Grant {
	origin := policy.Origin{GitHub: "github.com", Host: "api.github.com", Role: policy.RoleAPI}
	asked, err := policy.Read(origin, in.Method, in.URL.EscapedPath(), in.URL.RawQuery)
	if err != nil {
		panic(err)
	}
	caller, err := w.policy.Identify([]string{"token " + callerToken(client)})
	if err != nil {
		panic(err)
	}
	g, err := w.policy.Authorize(caller, asked)
	if err != nil {
		panic(err)
	}
	return g
}

package githubtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
)

// Asked is a request that reached a Scenario's handler.
type Asked struct {
	Host     string
	Method   string
	Path     string // with the query, as it came
	Header   http.Header
	Body     []byte
	Exchange int // the index of the exchange that answered it, or -1
}

// playback is how far a Scenario has been played.
type playback struct {
	mu    sync.Mutex
	done  []bool  // by exchange; guarded by mu
	asked []Asked // guarded by mu
}

// Handler answers as GitHub did. It finds a request by host, method, path,
// query and body; equal requests get their answers in the recorded order, each
// answer once. The order of query names and the spelling of a JSON body do not
// matter, for a proxy may change both. Neither do the header fields, for a
// proxy sends its own: conditional requests too get the whole recorded answer.
//
// Anything else is answered 500 with a text that says what was asked and what
// was recorded, and is listed by Unmatched.
func (s *Scenario) Handler() http.Handler {
	return http.HandlerFunc(s.serve)
}

// Played returns every request so far in the order of arrival.
func (s *Scenario) Played() []Asked {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

// Unmatched returns those requests that were not recorded, or were asked more
// often than recorded.
func (s *Scenario) Unmatched() []Asked {
	return slices.DeleteFunc(s.Played(), func(a Asked) bool { return a.Exchange >= 0 })
}

// Unplayed returns the exchanges nobody has asked for yet.
func (s *Scenario) Unplayed() []Exchange {
	s.mu.Lock()
	defer s.mu.Unlock()
	var left []Exchange
	for i, done := range s.done {
		if !done {
			left = append(left, s.exchanges[i])
		}
	}
	return left
}

func (s *Scenario) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the client left; it did not ask
	}
	asked := Asked{Host: r.Host, Method: r.Method, Path: r.URL.RequestURI(), Header: r.Header.Clone(), Body: body}
	if host, _, err := net.SplitHostPort(r.Host); err == nil {
		asked.Host = host
	}
	i := s.take(asked)
	if i < 0 {
		http.Error(w, s.complaint(asked), http.StatusInternalServerError)
		return
	}
	e := s.exchanges[i]
	for name, values := range e.Header {
		w.Header()[name] = slices.Clone(values)
	}
	if _, ok := e.Header["Content-Type"]; !ok {
		w.Header()["Content-Type"] = nil // net/http would guess one
	}
	w.WriteHeader(e.Status)
	w.Write(e.Body)
}

// take finds the exchange that answers and marks it as played, or returns -1.
func (s *Scenario) take(asked Asked) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked.Exchange = -1
	for i, e := range s.exchanges {
		if !s.done[i] && e.answers(asked) {
			s.done[i] = true
			asked.Exchange = i
			break
		}
	}
	s.asked = append(s.asked, asked)
	return asked.Exchange
}

// complaint says what was asked and what could have been.
func (s *Scenario) complaint(asked Asked) string {
	var text strings.Builder
	fmt.Fprintf(&text, "scenario %s has no answer left for\n\n  %s https://%s%s", s.name, asked.Method, asked.Host, asked.Path)
	if len(asked.Body) > 0 {
		fmt.Fprintf(&text, "\n  %q", asked.Body)
	}
	text.WriteString("\n\nLeft to be asked:\n")
	for _, e := range s.Unplayed() {
		fmt.Fprintf(&text, "\n  %s https://%s%s", e.Method, e.Host, e.Path)
		if e.RequestBody != "" {
			fmt.Fprintf(&text, "\n  %q", e.RequestBody)
		}
	}
	return text.String()
}

func (e *Exchange) answers(asked Asked) bool {
	return strings.EqualFold(e.Host, asked.Host) && e.Method == asked.Method &&
		sameTarget(e.Path, asked.Path) && sameBody([]byte(e.RequestBody), asked.Body)
}

// sameTarget compares paths as they are spelled, and queries as lists of values
// by name. The asked path may lack the recorded one's trailing slash: today's
// octokit drops it from every URL, while contents/ was recorded with it.
func sameTarget(recorded, asked string) bool {
	recordedPath, recordedQuery, _ := strings.Cut(recorded, "?")
	askedPath, askedQuery, _ := strings.Cut(asked, "?")
	if askedPath != recordedPath && askedPath+"/" != recordedPath {
		return false
	}
	recordedValues, err := url.ParseQuery(recordedQuery)
	askedValues, askedErr := url.ParseQuery(askedQuery)
	if err != nil || askedErr != nil {
		return askedQuery == recordedQuery
	}
	return reflect.DeepEqual(askedValues, recordedValues)
}

// sameBody compares bytes, or what they say where both are JSON.
func sameBody(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	valueA, okA := jsonValue(a)
	valueB, okB := jsonValue(b)
	return okA && okB && reflect.DeepEqual(valueA, valueB)
}

func jsonValue(text []byte) (value any, ok bool) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber() // ids beyond 2^53 stay apart
	if decoder.Decode(&value) != nil {
		return nil, false
	}
	_, err := decoder.Token()
	return value, err == io.EOF
}

package githubtest

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A Scenario is a conversation with GitHub as npm's @octokit/fixtures recorded
// it, to be played back once: load it again to play it again.
//
// It is read from normalized-fixture.json. Its raw-fixture.json holds the same
// conversation between requests that only set up and tear down a repository of
// a random name, with some bodies that no longer have their recorded length.
// The normalized one is what octokit's own tests play. Its price: every
// entity tag is zeros, Vary and Server are gone, all dates are one moment,
// X-RateLimit-Reset is in milliseconds, X-RateLimit-Used is always 1, and of
// JSON numbers the spelling is lost (1.0 is 1).
type Scenario struct {
	name      string
	exchanges []Exchange
	playback
}

// An Exchange is one request and GitHub's answer to it.
type Exchange struct {
	Host          string // without a port
	Method        string // in capitals
	Path          string // with the query, escapes as recorded
	Accept        string
	Authorization string // with the recorded stand-in for a token
	ContentType   string // of the request
	RequestBody   string // compact, where it is JSON

	Status int
	// Header is what GitHub sent, less the hop-by-hop fields of RFC 9110
	// section 7.6.1. Content-Length is that of Body, which differs from the
	// recorded one where normalizing counted UTF-16 units or rewrote a URL.
	Header http.Header
	Body   []byte // as GitHub sends it: JSON is compact
}

// LoadScenario reads the scenario in a folder of @octokit/fixtures,
// scenarios/api.github.com/NAME.
func LoadScenario(dir string) (*Scenario, error) {
	file := filepath.Join(dir, "normalized-fixture.json")
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	exchanges, err := parseFixture(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return &Scenario{
		name:      filepath.Base(dir),
		exchanges: exchanges,
		playback:  playback{done: make([]bool, len(exchanges))},
	}, nil
}

// Exchanges returns what was recorded, in order. The caller must not change it.
func (s *Scenario) Exchanges() []Exchange { return s.exchanges }

// A fixture is an exchange as nock, the recorder, writes it.
type fixture struct {
	Scope            string
	Method           string
	Path             string
	Body             json.RawMessage
	Status           int
	Response         json.RawMessage
	ResponseIsBinary bool
	ReqHeaders       map[string]fixtureValues
	Headers          map[string]fixtureValues
}

// fixtureValues are the lines of a header field, which nock writes as a text, a
// number or a list.
type fixtureValues []string

func (v *fixtureValues) UnmarshalJSON(text []byte) error {
	var list []json.RawMessage
	if json.Unmarshal(text, &list) != nil {
		list = []json.RawMessage{text}
	}
	*v = nil
	for _, item := range list {
		var line string
		if json.Unmarshal(item, &line) != nil {
			var number json.Number
			if err := json.Unmarshal(item, &number); err != nil {
				return fmt.Errorf("header value %s: %w", item, err)
			}
			line = number.String()
		}
		*v = append(*v, line)
	}
	return nil
}

func parseFixture(text []byte) ([]Exchange, error) {
	var fixtures []fixture
	if err := json.Unmarshal(text, &fixtures); err != nil {
		return nil, err
	}
	exchanges := make([]Exchange, len(fixtures))
	for i, f := range fixtures {
		var err error
		if exchanges[i], err = f.exchange(); err != nil {
			return nil, fmt.Errorf("exchange %d: %w", i+1, err)
		}
	}
	return exchanges, nil
}

func (f *fixture) exchange() (Exchange, error) {
	scope, err := url.Parse(f.Scope)
	if err != nil {
		return Exchange{}, err
	}
	target, err := url.ParseRequestURI(f.Path)
	if err != nil {
		return Exchange{}, err
	}
	if !strings.HasPrefix(f.Path, "/") || scope.Hostname() == "" || f.Method == "" {
		return Exchange{}, fmt.Errorf("no request: %q %q %q", f.Method, f.Scope, f.Path)
	}
	if f.Status < 200 || f.Status > 599 {
		return Exchange{}, fmt.Errorf("status %d", f.Status)
	}
	requestBody, err := plainBody(f.Body)
	if err != nil {
		return Exchange{}, fmt.Errorf("request body: %w", err)
	}
	requestHeader := headerOf(f.ReqHeaders)
	e := Exchange{
		Host:          scope.Hostname(),
		Method:        strings.ToUpper(f.Method),
		Path:          target.RequestURI(),
		Accept:        requestHeader.Get("Accept"),
		Authorization: requestHeader.Get("Authorization"),
		ContentType:   requestHeader.Get("Content-Type"),
		RequestBody:   string(requestBody),
		Status:        f.Status,
		Header:        headerOf(f.Headers),
	}
	if e.Body, err = f.answer(e.Header.Get("Content-Encoding") != ""); err != nil {
		return Exchange{}, fmt.Errorf("response: %w", err)
	}
	e.Header.Del("Content-Length")
	if e.Status != http.StatusNoContent && e.Status != http.StatusNotModified {
		e.Header.Set("Content-Length", strconv.Itoa(len(e.Body)))
	} else if len(e.Body) > 0 {
		return Exchange{}, fmt.Errorf("a body under status %d", e.Status)
	}
	return e, nil
}

// headerOf makes a header of a fixture's, without the fields that were meant
// for the recorded connection alone.
func headerOf(fields map[string]fixtureValues) http.Header {
	header := http.Header{}
	for name, values := range fields {
		for _, value := range values {
			header.Add(name, value)
		}
	}
	for _, line := range header["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			header.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range []string{"Connection", "Keep-Alive", "Proxy-Connection", "Te", "Transfer-Encoding", "Upgrade"} {
		header.Del(name)
	}
	return header
}

// answer is the body GitHub sent. nock keeps bytes that are not UTF-8 as hex,
// and an encoded body as a list of chunks in hex.
func (f *fixture) answer(encoded bool) ([]byte, error) {
	var chunks []string
	switch {
	case f.ResponseIsBinary:
		chunks = make([]string, 1)
		if err := json.Unmarshal(f.Response, &chunks[0]); err != nil {
			return nil, err
		}
	case encoded && bytes.HasPrefix(f.Response, []byte("[")):
		if err := json.Unmarshal(f.Response, &chunks); err != nil {
			return nil, err
		}
	default:
		return plainBody(f.Response)
	}
	return hex.DecodeString(strings.Join(chunks, ""))
}

// plainBody is a body that nock keeps as a text, or as the JSON it spells.
func plainBody(kept json.RawMessage) ([]byte, error) {
	if len(kept) == 0 || string(kept) == "null" {
		return nil, nil
	}
	if kept[0] == '"' {
		var text string
		err := json.Unmarshal(kept, &text)
		return []byte(text), err
	}
	var compact bytes.Buffer
	err := json.Compact(&compact, kept)
	return compact.Bytes(), err
}

// nodeModules is where scripts/test has put octokit and its recordings.
func nodeModules() (string, error) {
	folder := os.Getenv("OCTOPOOL_NODE_MODULES")
	if folder == "" {
		return "", errors.New("OCTOPOOL_NODE_MODULES is not set: scripts/test installs octokit and its recordings and sets it")
	}
	return folder, nil
}

// ScenarioDirs lists the folders of all recorded scenarios of api.github.com, for
// LoadScenario, sorted by name. They are looked for under OCTOPOOL_NODE_MODULES,
// which scripts/test sets.
func ScenarioDirs() ([]string, error) {
	folder, err := nodeModules()
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(folder, "@octokit", "fixtures", "scenarios", "api.github.com", "*", "normalized-fixture.json"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no recordings of @octokit/fixtures in %s", folder)
	}
	for i, file := range files {
		files[i] = filepath.Dir(file)
	}
	return files, nil
}

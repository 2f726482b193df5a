// Package githubtest is a GitHub to test against, as net/http/httptest is a
// web server to test against. A Server listens on one loopback port, speaks TLS
// with HTTP/2 and HTTP/1.1, and plays every host of github.com by the name it
// is called: the REST and GraphQL API, uploads, git over HTTPS, archives, raw
// files and signed downloads. It knows users, organizations and GitHub Apps with
// their installations. WithoutListener does without the port, for simulated time.
//
// It is faithful first: ETags, budgets, redirects, challenges and errors are
// those GitHub documents or was observed to send, including the awkward ones.
// It keeps a log of everything it saw, because a test of a proxy is about what
// reached GitHub as much as about what came back.
//
// It refuses to know anything about the program under test.
package githubtest

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"
)

// A Server is one running stand-in. Its methods may be called at any time, from
// any goroutine; a change is visible to the next request.
type Server struct {
	listener  net.Listener
	http      *http.Server
	authority *authority
	client    *http.Client
	now       func() time.Time
	silent    bool // listens nowhere
	life      context.Context
	end       context.CancelFunc // of life, at Close
	lists     bool               // If-None-Match may name several validators
	place     place              // which GitHub it is; see As
	handlers  sync.WaitGroup     // added to under mu, and not after Close

	interceptMu sync.RWMutex
	intercept   func(http.ResponseWriter, *http.Request) bool

	mu sync.Mutex // guards everything below
	world
	restraint
	failures   map[string][]time.Time
	opaque     bool
	gitRoot    string
	ownGitRoot bool // made by us, removed by Close
	closed     bool
	log        []*record
	keep       int // how many of the log are kept; negative: all
	requests   int
	statuses   map[int]int
}

// An Option changes how New builds a Server.
type Option func(*Server)

// WithClock gives the server its time: budgets reset, tokens expire and
// secondary limits end by it. The default is time.Now.
func WithClock(now func() time.Time) Option { return func(s *Server) { s.now = now } }

// WithGitRoot keeps the bare repositories under dir, as dir/OWNER/NAME.git, made
// as soon as a repository is added. Without it they live in a temporary folder,
// are made when first asked for, and go with Close.
func WithGitRoot(dir string) Option { return func(s *Server) { s.gitRoot = dir } }

// WithETagLists makes the server honour several validators in one If-None-Match,
// as RFC 9110 section 13.1.2 has it. Whether GitHub does is not known; by
// default a list matches nothing.
func WithETagLists() Option { return func(s *Server) { s.lists = true } }

// New starts a server with an empty world. It panics when it cannot listen: a
// test that has no GitHub has nothing to say.
func New(options ...Option) *Server {
	s := &Server{
		now:       time.Now,
		place:     gitHub(),
		world:     newWorld(),
		restraint: newRestraint(),
		statuses:  map[int]int{},
		keep:      -1,
		failures:  map[string][]time.Time{},
	}
	for _, option := range options {
		option(s)
	}
	s.authority = newAuthority(slices.Collect(maps.Keys(s.place.hosts)))
	s.life, s.end = context.WithCancel(context.Background())
	if s.silent {
		s.client = &http.Client{Transport: s.Transport()}
		return s
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(fmt.Sprintf("githubtest: %v", err))
	}
	s.listener = listener
	s.http = &http.Server{
		Handler:           s,
		TLSConfig:         &tls.Config{GetCertificate: s.authority.certificate},
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          log.New(io.Discard, "", 0), // clients that distrust us are a test's business
	}
	s.client = s.newClient()
	go s.http.ServeTLS(listener, "", "") // returns at Close
	return s
}

// Addr is where the server listens, as host:port. It panics on a server made WithoutListener.
func (s *Server) Addr() string {
	if s.silent {
		panic("githubtest: this server listens nowhere")
	}
	return s.listener.Addr().String()
}

// Close stops the server, waits for its handlers and removes what it wrote,
// except under a folder named by WithGitRoot.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.client.CloseIdleConnections()
	s.end()
	if !s.silent {
		s.http.Close()
	}
	s.handlers.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ownGitRoot {
		os.RemoveAll(s.gitRoot)
		s.ownGitRoot, s.gitRoot = false, ""
	}
}

// Intercept lets f answer requests instead of the server, to play faults: f
// returns true for what it has handled. The log records those requests too. A nil
// f ends the interception.
func (s *Server) Intercept(f func(w http.ResponseWriter, r *http.Request) bool) {
	s.interceptMu.Lock()
	defer s.interceptMu.Unlock()
	s.intercept = f
}

// ServeHTTP plays the host that the request names.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.enter() {
		panic(http.ErrAbortHandler)
	}
	defer s.handlers.Done()
	host := hostOf(r)
	asked, part, ours := s.place.read(r, host)
	w.Header().Set("Date", s.now().UTC().Format(http.TimeFormat)) // so that a client can find its own clock wrong
	rec := s.record(r, host)
	defer complain()
	leave := s.arrive(r, part, rec)
	defer leave()
	w = &watchedWriter{ResponseWriter: w, rec: rec, s: s, leave: leave}
	s.dawdle(r)

	s.interceptMu.RLock()
	intercept := s.intercept
	s.interceptMu.RUnlock()
	if intercept != nil && intercept(w, r) {
		return
	}
	if r.TLS != nil && r.TLS.ServerName != "" && !strings.EqualFold(r.TLS.ServerName, host) {
		http.Error(w, "Misdirected Request", http.StatusMisdirectedRequest) // RFC 9110 section 15.5.20
		return
	}
	if !ours {
		http.Error(w, "unknown host "+host, http.StatusMisdirectedRequest)
		return
	}
	r = asked
	switch part {
	case hostAPI:
		s.serveAPI(w, r, rec)
	case hostUploads:
		s.serveUploads(w, r, rec)
	case hostGit, hostGist:
		s.serveGitHost(w, r, rec)
	case hostCodeload:
		s.serveCodeload(w, r, rec)
	case hostRaw:
		s.serveRaw(w, r, rec)
	case hostAssets:
		s.serveSignedAsset(w, r)
	case hostLFS:
		s.serveLFSVerify(w, r)
	case hostLFSStorage:
		s.serveLFSStorage(w, r)
	case hostActions:
		s.serveActions(w, r)
	}
}

// enter counts a handler in, unless the server is closed: one that came later
// would make the temporary folder anew.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.handlers.Add(1)
	return true
}

// complain makes a bug of the server's heard: net/http would log it where
// nobody looks, and the test would see a broken connection.
func complain() {
	if bug := recover(); bug != nil {
		if bug != http.ErrAbortHandler {
			fmt.Fprintf(os.Stderr, "githubtest: panic: %v\n%s", bug, debug.Stack())
		}
		panic(bug)
	}
}

package admin

import (
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"sync"
	"time"
)

// How long a browser that has shown the token is known, and how many may be at once. When
// one more comes, the one that came first is forgotten.
const (
	sessionTime  = 12 * time.Hour
	mostSessions = 64
)

const sessionCookie = "octopool_session"

// sessions are the browsers that have shown the token. They hold a random text instead
// of it, which is of no use when octopool has ended.
type sessions struct {
	mu  sync.Mutex // guards what follows
	all []session  // oldest first
}

// A session is known by the digest of its text, so that neither how long a comparison
// takes nor a memory dump tells the text.
type session struct {
	digest [sha256.Size]byte
	until  time.Time
}

// begin makes a session and returns its text.
func (s *sessions) begin(now time.Time) (text string) {
	text = rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep(now)
	if len(s.all) == mostSessions {
		s.all = s.all[1:]
	}
	s.all = append(s.all, session{sha256.Sum256([]byte(text)), now.Add(sessionTime)})
	return text
}

// knows reports whether a request comes with a session.
func (s *sessions) knows(r *http.Request, now time.Time) bool {
	digest, sent := sessionOf(r)
	if !sent {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep(now)
	for _, one := range s.all {
		if one.digest == digest {
			return true
		}
	}
	return false
}

// end forgets the session that a request comes with.
func (s *sessions) end(r *http.Request) {
	digest, sent := sessionOf(r)
	if !sent {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := s.all[:0]
	for _, one := range s.all {
		if one.digest != digest {
			kept = append(kept, one)
		}
	}
	s.all = kept
}

// sweep forgets those whose time is over. All have the same time, so they are the first.
func (s *sessions) sweep(now time.Time) {
	for len(s.all) > 0 && !now.Before(s.all[0].until) {
		s.all = s.all[1:]
	}
}

func sessionOf(r *http.Request) (digest [sha256.Size]byte, sent bool) {
	c, err := r.Cookie(sessionCookie)
	if err != nil || c.Value == "" {
		return digest, false
	}
	return sha256.Sum256([]byte(c.Value)), true
}

// cookie is what a browser is to send: to this listener alone, not with what other sites
// make it ask for, and unseen by scripts.
func cookie(r *http.Request, text string, maxAge time.Duration) *http.Cookie {
	c := &http.Cookie{
		Name: sessionCookie, Value: text, Path: "/", MaxAge: int(maxAge / time.Second),
		HttpOnly: true, SameSite: http.SameSiteStrictMode,
		// A server in front that speaks TLS says so. Who lies about it harms only himself.
		Secure: r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https",
	}
	if text == "" {
		c.MaxAge = -1
	}
	return c
}

package mitm

import (
	"fmt"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limits bound what whoever reaches the proxy listener can take of octopool. 0 is no
// limit. An address is one of IPv4, or a network of IPv6 (a /64), which is what one machine
// is given.
type Limits struct {
	Connections           int // of clients, open at once
	ConnectionsPerAddress int // of them, those of one address
	ConnectsPerMinute     int // CONNECTs of one address; as many at once
	RequestsPerConnection int // then the client is asked to open another
	Documents             int // of GraphQL and LFS, that are being read at once; a client has half of it at most
}

// What a client can meet besides: the names of limits in octopool_limited_total.
const (
	limitConnections  = "connections"
	limitAddress      = "connections_per_address"
	limitConnects     = "connects_per_minute"
	limitRequests     = "requests_per_connection"
	limitDocuments    = "documents"
	limitHeader       = "header_bytes"
	limitHeaderTime   = "header_time"
	limitHandshake    = "handshake_time"
	limitBodyTime     = "body_time"
	limitDocumentTime = "document_time"
	limitAnswerTime   = "answer_time"
	limitTunnelIdle   = "tunnel_idle"
	limitStreams      = "streams"
	limitResets       = "resets"
	limitLog          = "log_text"
)

var allLimits = [...]string{
	limitConnections, limitAddress, limitConnects, limitRequests, limitDocuments, limitHeader, limitHeaderTime, limitHandshake,
	limitBodyTime, limitDocumentTime, limitAnswerTime, limitTunnelIdle, limitStreams, limitResets, limitLog,
}

// overLimit is the refusal of what would be more than a limit.
type overLimit struct{ limit string }

func (e *overLimit) Error() string {
	switch e.limit {
	case limitConnections:
		return "as many connections are open as may be (limits.connections)"
	case limitAddress:
		return "as many connections of your address are open as may be (limits.connections_per_address)"
	case limitConnects:
		return "your address opens tunnels faster than it may (limits.connects_per_minute)"
	case limitDocuments:
		return "as many documents are being read as may be (limits.documents)"
	case limitHeader:
		return fmt.Sprintf("the header of this request is longer than %d KiB", maxHeader>>10)
	}
	return "more than may be: " + e.limit
}

// network is the address that limits go by: all of an IPv4 one, the /64 of an IPv6 one.
// What is no address of the internet has the zero one.
func network(addr netip.Addr) netip.Addr {
	if addr = addr.Unmap().WithZone(""); !addr.Is6() {
		return addr
	}
	p, err := addr.Prefix(64)
	if err != nil {
		return netip.Addr{}
	}
	return p.Addr()
}

// A crowd counts who is there, in all and by whose they are. Its zero value is empty.
type crowd[K comparable] struct {
	mu  sync.Mutex // guards what follows
	all int
	of  map[K]int
}

// enter counts one more of k in, unless there are most already, or each of k's; 0 is any
// number. It reports which of the two it was; where both are false, leave is to be called.
func (c *crowd[K]) enter(k K, most, each int) (full, fullOfK bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case each > 0 && c.of[k] >= each:
		return false, true
	case most > 0 && c.all >= most:
		return true, false
	}
	if c.of == nil {
		c.of = map[K]int{}
	}
	c.all++
	c.of[k]++
	return false, false
}

func (c *crowd[K]) leave(k K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all--
	if c.of[k]--; c.of[k] == 0 {
		delete(c.of, k)
	}
}

// A pacer counts what comes from each address a minute. Its zero value has seen nothing.
type pacer struct {
	mu   sync.Mutex // guards what follows
	of   map[netip.Addr]*rate.Limiter
	next int // how many addresses make a sweep worth while
}

// allows reports whether one more of addr is within perMinute; 0 is any number.
func (p *pacer) allows(addr netip.Addr, perMinute int, now time.Time) bool {
	if perMinute <= 0 {
		return true
	}
	pace := rate.Limit(float64(perMinute) / 60)
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.of[addr]
	if l == nil {
		p.sweep(now)
		l = rate.NewLimiter(pace, perMinute)
		p.of[addr] = l
	}
	if l.Limit() != pace { // the configuration was read anew
		l.SetLimitAt(now, pace)
		l.SetBurstAt(now, perMinute)
	}
	return l.AllowN(now, 1)
}

// sweep forgets addresses that have been silent long enough to be new ones.
func (p *pacer) sweep(now time.Time) {
	if p.of == nil {
		p.of = map[netip.Addr]*rate.Limiter{}
	}
	if len(p.of) < p.next {
		return
	}
	for addr, l := range p.of {
		if l.TokensAt(now) >= float64(l.Burst()) {
			delete(p.of, addr)
		}
	}
	p.next = max(1024, 2*len(p.of))
}

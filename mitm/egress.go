package mitm

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Egress says where tunnels may go: the [tunnel] section of the configuration.
type Egress struct {
	Allow   []string // "*", "github", a name, or *.suffix
	Deny    []string // the same; wins over Allow
	Ports   []int
	Private bool // loopback, private, link-local and other addresses that are not public
}

// Forbidden is returned for a CONNECT that no rule allows. Its text says which.
type Forbidden struct{ Rule string }

func (e *Forbidden) Error() string { return "octopool: " + e.Rule }

// githubsOwn are the hosts that GitHub's tools need beside those that are intercepted
// (GitHub's documentation, "Communication requirements for self-hosted runners").
var githubsOwn = []string{
	"github.com", "*.github.com", "*.githubusercontent.com", "*.githubassets.com", "*.githubapp.com",
	"ghcr.io", "*.ghcr.io", "*.githubcopilot.com", "ghe.com", "*.ghe.com",
	"github-cloud.s3.amazonaws.com", "*.blob.core.windows.net",
}

// check says whether a tunnel to t may be opened, as far as its name and port tell.
func (e Egress) check(t target) error {
	switch {
	case len(e.Ports) > 0 && !slices.Contains(e.Ports, t.port):
		return &Forbidden{fmt.Sprintf("tunnel.ports does not list %d", t.port)}
	case slices.ContainsFunc(e.Deny, t.matches):
		return &Forbidden{fmt.Sprintf("tunnel.deny names %s", t.host)}
	case !slices.ContainsFunc(e.Allow, t.matches):
		return &Forbidden{fmt.Sprintf("tunnel.allow does not name %s", t.host)}
	case t.addr.IsValid():
		return e.checkAddr(t.addr)
	}
	return nil
}

func (t target) matches(pattern string) bool {
	switch {
	case pattern == "*":
		return true
	case pattern == "github":
		return slices.ContainsFunc(githubsOwn, t.matches)
	case strings.HasPrefix(pattern, "*."):
		return strings.HasSuffix(t.host, strings.ToLower(pattern[1:]))
	}
	return strings.EqualFold(t.host, strings.TrimSuffix(pattern, "."))
}

// checkAddr says whether an address may be connected to.
func (e Egress) checkAddr(addr netip.Addr) error {
	if !e.Private && !public(addr) {
		return &Forbidden{fmt.Sprintf("tunnel.private is false and %s is not a public address", addr)}
	}
	return nil
}

// notPublic are ranges that netip's own predicates do not name (IANA special-purpose
// address registries), and the ways to write an IPv4 address in an IPv6 one.
var notPublic = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),       // this network
	netip.MustParsePrefix("100.64.0.0/10"),   // carrier-grade NAT
	netip.MustParsePrefix("192.0.0.0/24"),    // protocol assignments
	netip.MustParsePrefix("192.0.2.0/24"),    // documentation
	netip.MustParsePrefix("198.18.0.0/15"),   // benchmarks
	netip.MustParsePrefix("198.51.100.0/24"), // documentation
	netip.MustParsePrefix("203.0.113.0/24"),  // documentation
	netip.MustParsePrefix("240.0.0.0/4"),     // reserved, broadcast
	netip.MustParsePrefix("64:ff9b::/96"),    // NAT64
	netip.MustParsePrefix("64:ff9b:1::/48"),  // NAT64, local
	netip.MustParsePrefix("2001::/23"),       // Teredo and other assignments
	netip.MustParsePrefix("2002::/16"),       // 6to4
	netip.MustParsePrefix("100::/64"),        // discard
	netip.MustParsePrefix("2001:db8::/32"),   // documentation
	netip.MustParsePrefix("::/96"),           // IPv4-compatible
	netip.MustParsePrefix("fec0::/10"),       // site-local
}

func public(addr netip.Addr) bool {
	addr = addr.Unmap()
	return addr.IsGlobalUnicast() && !addr.IsPrivate() &&
		!slices.ContainsFunc(notPublic, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// dial opens a connection to t. The name is resolved once, every address is judged, and
// what was judged is what is dialled, so that no second answer of the DNS gets past.
func (e Egress) dial(ctx context.Context, t target) (net.Conn, error) {
	addrs := []netip.Addr{t.addr}
	if !t.addr.IsValid() {
		var err error
		if addrs, err = net.DefaultResolver.LookupNetIP(ctx, "ip", t.host); err != nil {
			return nil, err
		}
	}
	for _, addr := range addrs {
		if err := e.checkAddr(addr); err != nil {
			return nil, err
		}
	}
	d := net.Dialer{Timeout: dialTimeout}
	var errs []error
	for _, addr := range addrs {
		conn, err := d.DialContext(ctx, "tcp", netip.AddrPortFrom(addr.Unmap(), uint16(t.port)).String())
		if err == nil {
			return conn, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// dialTimeout bounds one attempt to connect.
const dialTimeout = 10 * time.Second

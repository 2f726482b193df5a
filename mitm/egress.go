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

	lookup func(context.Context, string) ([]netip.Addr, error) // nil for the system's resolver
	own    func(netip.AddrPort) bool                           // where octopool itself listens; nil for nowhere
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
	case t.addr.IsValid() && !e.Private && !public(t.addr):
		return &Forbidden{fmt.Sprintf("tunnel.private is false and %s is not a public address", t.host)}
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

// checkAddr says whether an address that t's name has may be connected to. The text
// does not hold the address: clients are not told what the network inside looks like.
func (e Egress) checkAddr(t target, addr netip.Addr) error {
	literal := target{host: addr.Unmap().String(), port: t.port}
	switch {
	case e.own != nil && e.own(netip.AddrPortFrom(addr.Unmap(), uint16(t.port))):
		return &Forbidden{fmt.Sprintf("%s leads to octopool itself", t.host)}
	case !e.Private && !public(addr):
		return &Forbidden{fmt.Sprintf("tunnel.private is false and %s has an address that is not public", t.host)}
	case slices.ContainsFunc(e.Deny, literal.matches):
		return &Forbidden{fmt.Sprintf("tunnel.deny names an address of %s", t.host)}
	}
	return nil
}

// notPublic are ranges that netip's own predicates do not name, by IANA's special-purpose
// address registries.
var notPublic = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),        // this network
	netip.MustParsePrefix("100.64.0.0/10"),    // carrier-grade NAT; metadata of some clouds
	netip.MustParsePrefix("168.63.129.16/32"), // Azure's platform, inside each of its networks
	netip.MustParsePrefix("192.0.0.0/24"),     // protocol assignments
	netip.MustParsePrefix("192.0.2.0/24"),     // documentation
	netip.MustParsePrefix("198.18.0.0/15"),    // benchmarks
	netip.MustParsePrefix("198.51.100.0/24"),  // documentation
	netip.MustParsePrefix("203.0.113.0/24"),   // documentation
	netip.MustParsePrefix("240.0.0.0/4"),      // reserved, broadcast
	netip.MustParsePrefix("2001::/23"),        // Teredo and other assignments
	netip.MustParsePrefix("2001:db8::/32"),    // documentation
	netip.MustParsePrefix("2002::/16"),        // 6to4: an IPv4 address in disguise
	netip.MustParsePrefix("3fff::/20"),        // documentation
}

// globalIPv6 is all that IANA has given out of IPv6 for use on the internet. Outside it
// are the ways to write an IPv4 address in an IPv6 one: NAT64, IPv4-compatible, SIIT.
var globalIPv6 = netip.MustParsePrefix("2000::/3")

func public(addr netip.Addr) bool {
	addr = addr.Unmap()
	return addr.IsGlobalUnicast() && !addr.IsPrivate() && (addr.Is4() || globalIPv6.Contains(addr)) &&
		!slices.ContainsFunc(notPublic, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// checkUnresolved says whether somebody else may be asked to connect to t, who looks its
// name up. What that leads to is theirs to judge, but for what can be told from the name.
func (e Egress) checkUnresolved(t target) error {
	switch {
	case t.addr.IsValid():
		return e.checkAddr(t, t.addr)
	case !e.Private && (t.host == "localhost" || strings.HasSuffix(t.host, ".localhost")): // RFC 6761, section 6.3
		return &Forbidden{fmt.Sprintf("tunnel.private is false and %s is no public name", t.host)}
	}
	return nil
}

// dial opens a connection to t. The name is resolved once, every address is judged, and
// what was judged is what is dialled, so that no second answer of the DNS gets past.
func (e Egress) dial(ctx context.Context, t target) (net.Conn, error) {
	addrs, err := e.addresses(ctx, t)
	if err != nil {
		return nil, err
	}
	d := net.Dialer{Timeout: dialTimeout}
	var errs []error
	for _, addr := range addrs {
		conn, err := d.DialContext(ctx, "tcp", netip.AddrPortFrom(addr, uint16(t.port)).String())
		if err == nil {
			return conn, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// addresses are those of t, all of which may be connected to. One that may not is
// reason enough to connect to none: its name is not to be trusted.
func (e Egress) addresses(ctx context.Context, t target) ([]netip.Addr, error) {
	if t.addr.IsValid() {
		return []netip.Addr{t.addr}, e.checkAddr(t, t.addr)
	}
	lookup := e.lookup
	if lookup == nil {
		lookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	addrs, err := lookup(ctx, t.host)
	if err != nil {
		return nil, err
	}
	if len(addrs) == 0 {
		return nil, &net.DNSError{Err: "no address", Name: t.host, IsNotFound: true}
	}
	for i, addr := range addrs {
		if err := e.checkAddr(t, addr); err != nil {
			return nil, err
		}
		addrs[i] = addr.Unmap()
	}
	return addrs, nil
}

// dialTimeout bounds one attempt to find an address, and one to connect to it.
const dialTimeout = 10 * time.Second

package mitm

import (
	"net"
	"net/netip"
	"slices"
)

// isOwn reports whether octopool itself listens there. Tunnels to it would lead around
// in circles, and clients from elsewhere to what is for this machine only.
func (p *Proxy) isOwn(to netip.AddrPort) bool {
	addr := to.Addr().Unmap()
	for _, l := range p.Self {
		at, err := netip.ParseAddrPort(l.String())
		if err != nil || at.Port() != to.Port() {
			continue
		}
		listens := at.Addr().Unmap()
		switch {
		case listens.WithZone("") == addr.WithZone(""), addr.IsUnspecified(): // which leads to this machine
			return true
		case listens.IsUnspecified() && (addr.IsLoopback() || isOfThisMachine(addr)):
			return true
		}
	}
	return false
}

// isOfThisMachine reports whether an interface has this address. Without a list of them
// every private one may be.
func isOfThisMachine(addr netip.Addr) bool {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return !public(addr)
	}
	return slices.ContainsFunc(all, func(a net.Addr) bool {
		p, err := netip.ParsePrefix(a.String())
		return err == nil && p.Addr().Unmap() == addr.WithZone("")
	})
}

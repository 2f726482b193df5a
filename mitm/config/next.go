package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"octopool/mitm"
)

// next is the proxy that octopool's own connections go through. With a password its URL is a
// secret like others; env:HTTPS_PROXY is the environment's.
func (s *settler) next(f File) mitm.NextProxy {
	const key = "proxy.upstream"
	for i, g := range f.GitHub {
		if leadsTo(g.Dial, f.Proxy.Listen) {
			s.wrong(fmt.Sprintf("github[%d].dial", i), "this is proxy.listen, octopool itself")
		}
	}
	text := f.Proxy.Upstream
	if text == "" {
		return mitm.NextProxy{}
	}
	if strings.HasPrefix(text, "env:") || strings.HasPrefix(text, "file:") {
		if text = s.secret(key, text).Reveal(); text == "" {
			return mitm.NextProxy{} // said already
		}
	} else if u, err := url.Parse(text); err == nil && u.User != nil {
		s.wrong(key, "its user and password are secrets: write env:NAME or file:PATH, where the whole URL is")
		return mitm.NextProxy{}
	}
	next, err := mitm.ParseNextProxy(text)
	if err != nil {
		s.wrong(key, "%v", err)
		return mitm.NextProxy{}
	}
	if leadsTo(next.Address(), f.Proxy.Listen) {
		s.wrong(key, "this is proxy.listen, octopool itself")
	}
	return next
}

// leadsTo reports whether an address is plainly that of a listener of this machine.
func leadsTo(address, listen string) bool {
	host, port, err := net.SplitHostPort(address)
	at, listens, err2 := net.SplitHostPort(listen)
	if err != nil || err2 != nil || port != listens || port == "0" {
		return false
	}
	ip, err := netip.ParseAddr(at)
	everywhere := at == "" || err == nil && ip.IsUnspecified()
	return strings.EqualFold(host, at) || isLoopback(address) && (everywhere || isLoopback(listen))
}

package config

import (
	"crypto/tls"
	"fmt"
	"time"

	"octopool/mitm"
)

// proxyTLS are the files of the proxy listener's own certificate. octopool's CA cannot
// sign it: what clients trust that CA for is to be GitHub's hosts alone, by constraints that
// leave out all addresses, and names of others as much.
func (s *settler) proxyTLS(p Proxy) (certificate, key string) {
	switch {
	case !p.TLS && (p.Certificate != "" || p.Key != ""):
		s.wrong("proxy.tls", "proxy.certificate and proxy.key are there, but not in use: set tls = true, or take them away")
		return "", ""
	case !p.TLS:
		return "", ""
	case p.Certificate == "" && p.Key == "":
		s.wrong("proxy.tls", "set proxy.certificate and proxy.key, a certificate that clients trust for this machine's name; octopool's own CA can sign for GitHub's hosts only")
		return "", ""
	}
	certificate, key = s.pair("proxy", p.Certificate, p.Key)
	if certificate == "" {
		return "", ""
	}
	s.warnOfReaders(key)
	if err := checkServing(certificate, key); err != nil {
		s.wrong("proxy.certificate", "%v", err)
	}
	return certificate, key
}

// checkServing says what would keep clients from a listener with these files.
func checkServing(certificate, key string) error {
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return fmt.Errorf("%s with %s: %w", certificate, key, err)
	}
	if now := time.Now(); now.After(pair.Leaf.NotAfter) {
		return fmt.Errorf("%s expired on %s", certificate, pair.Leaf.NotAfter.Format(time.DateOnly))
	}
	return nil
}

// door says who may come in at the proxy listener. Tokens in clear beyond this machine are
// allowed where the operator says so; those that name a client in a proxy's URL are common,
// so they are warned of only.
func (s *settler) door(p Proxy) mitm.Door {
	private := p.TLS || isLoopback(p.Listen)
	if p.RequireAuth && !private {
		s.warnings = append(s.warnings, "proxy.require_auth without proxy.tls: the tokens of proxy URLs travel in clear to "+p.Listen)
	}
	return mitm.Door{RequireAuth: p.RequireAuth, BaseURL: private || p.PlainBaseURL}
}

package ca

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// fold returns the one spelling of a host name: ASCII lower case, without the
// trailing dot. Other letters stay as they are: folding them by Unicode's rules
// would make two names one (the Kelvin sign is not a k).
func fold(host string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, strings.TrimSuffix(host, "."))
}

// foldAll returns hosts folded, sorted and without repetitions. It refuses an
// empty set, since constraints that permit nothing in particular permit
// everything, and what cannot stand in a name constraint.
func foldAll(hosts []string) ([]string, error) {
	if len(hosts) == 0 {
		return nil, errors.New("no hosts to sign for")
	}
	var names []string
	for _, host := range hosts {
		name := fold(host)
		if err := checkName(name); err != nil {
			return nil, fmt.Errorf("host %q: %w", host, err)
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// checkName accepts a folded DNS host name and nothing else. Underscores are
// let through: they are not allowed (RFC 1123) and yet in use.
func checkName(name string) error {
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return errors.New("is an IP address; only names can be intercepted")
	}
	if len(name) > 253 {
		return errors.New("is longer than 253 characters")
	}
	if last := name[strings.LastIndexByte(name, '.')+1:]; strings.Trim(last, "0123456789") == "" {
		return errors.New("is not a host name: many clients read it as an IP address") // 127.1, 2130706433
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return errors.New("is not a host name")
		}
		for _, c := range []byte(label) {
			if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
				return errors.New("is not a host name (no scheme, port, path or wildcard; xn-- for other scripts)")
			}
		}
	}
	return nil
}

package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Duration is a time.Duration as written in a file: "30s", "720h".
type Duration time.Duration

// UnmarshalText reads a duration.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil || v < 0 {
		return fmt.Errorf("%q is not a duration such as \"30s\" or \"720h\"", text)
	}
	*d = Duration(v)
	return nil
}

// Size is a number of bytes as written in a file: "8MiB", "2GiB".
type Size int64

// UnmarshalText reads a size.
func (s *Size) UnmarshalText(text []byte) error {
	digits := strings.TrimRight(string(text), "KMGTiB")
	n, err := strconv.ParseUint(digits, 10, 62)
	unit := unitOf(string(text[len(digits):]))
	if err != nil || unit == 0 || n > (1<<62)/unit {
		return fmt.Errorf("%q is not a size such as \"8MiB\" or \"2GiB\"", text)
	}
	*s = Size(n * unit)
	return nil
}

func unitOf(name string) uint64 {
	switch name {
	case "B":
		return 1
	case "KiB":
		return 1 << 10
	case "MiB":
		return 1 << 20
	case "GiB":
		return 1 << 30
	case "TiB":
		return 1 << 40
	}
	return 0
}

// checkAddress accepts HOST:PORT with a host that a listener or a dialler could mean.
func checkAddress(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err == nil && port == "" {
		err = errors.New("no port")
	}
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	if err == nil && host != "" {
		if _, isAddr := netip.ParseAddr(host); isAddr != nil {
			err = checkHost(host)
		}
	}
	if err != nil {
		return fmt.Errorf("%q is not an address such as \"127.0.0.1:8080\"", address)
	}
	return nil
}

var errHost = errors.New("not a host name")

// checkHost accepts a host's name, and no address: a certificate for an address is
// nothing a client would accept from octopool.
func checkHost(name string) error {
	labels := strings.Split(name, ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return errHost
		}
		for _, c := range []byte(strings.ToLower(label)) {
			if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
				return errHost
			}
		}
	}
	// Many programs read a name that ends in a number as an IPv4 address.
	if last := labels[len(labels)-1]; len(name) > 253 || strings.Trim(last, "0123456789") == "" {
		return errHost
	}
	return nil
}

// checkTunnelRule accepts what tunnel.allow and tunnel.deny may list. A rule is compared
// as it is written, so an address must be in its usual spelling.
func checkTunnelRule(rule string) error {
	addr, err := netip.ParseAddr(rule)
	isAddr := err == nil && addr.Unmap().String() == rule
	if rule == "*" || isAddr || checkHost(strings.TrimPrefix(rule, "*.")) == nil {
		return nil
	}
	return fmt.Errorf("%q is not a rule: write \"*\", \"github\", a host such as \"example.com\", \"*.example.com\" or an IP address", rule)
}

package mitm

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// A target is where a CONNECT asks to go, in one spelling: lower case, no trailing
// dot, no brackets, ASCII.
type target struct {
	host string
	port int
	addr netip.Addr // of an IP literal; else invalid
}

func (t target) String() string { return net.JoinHostPort(t.host, strconv.Itoa(t.port)) }

// parseTarget reads a HOST:PORT. Spellings of one host that software reads in
// different ways are refused rather than guessed at: brackets around a name, several
// trailing dots, IPv4 in octal or as one number.
func parseTarget(text string) (target, error) {
	host, portText, err := net.SplitHostPort(text)
	if err != nil {
		return target{}, fmt.Errorf("%q is not HOST:PORT", text)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil || port == 0 || portText[0] == '+' {
		return target{}, fmt.Errorf("%q is not a port", portText)
	}
	bracketed := strings.HasPrefix(text, "[")
	if addr, err := netip.ParseAddr(host); err == nil && bracketed == addr.Is6() && addr.Zone() == "" {
		return target{host: addr.String(), port: int(port), addr: addr.Unmap()}, nil
	}
	if bracketed {
		return target{}, errors.New("brackets are for IPv6 addresses")
	}
	name, err := hostName(host)
	if err != nil {
		return target{}, err
	}
	return target{host: name, port: int(port)}, nil
}

// hostName is a DNS name in one spelling.
func hostName(text string) (string, error) {
	name, err := idna.Lookup.ToASCII(strings.TrimSuffix(text, "."))
	if err != nil || name == "" || len(name) > 253 {
		return "", fmt.Errorf("%q is not a host name", text)
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" {
			return "", fmt.Errorf("%q is not a host name", text)
		}
	}
	last := name[strings.LastIndexByte(name, '.')+1:]
	if isNumber(last) {
		return "", fmt.Errorf("%q is not a host name; write an IPv4 address as four decimal numbers", text)
	}
	return name, nil
}

// isNumber reports whether a last label would make some resolvers read the name as an
// IPv4 address (WHATWG URL, "ends in a number").
func isNumber(label string) bool {
	if strings.Trim(label, "0123456789") == "" {
		return true
	}
	hex, ok := strings.CutPrefix(label, "0x")
	return ok && strings.Trim(hex, "0123456789abcdef") == ""
}

// isHost reports whether a request's Host or :authority names this host on the HTTPS
// port.
func isHost(authority, host string) bool {
	name, port := authority, "443"
	if i := strings.LastIndexByte(authority, ':'); i >= 0 {
		name, port = authority[:i], authority[i+1:]
	}
	name, err := hostName(name)
	return err == nil && name == host && port == "443"
}

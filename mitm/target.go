package mitm

import (
	"net"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// A target is where a CONNECT asks to go, in one spelling: lower case, no trailing
// dot, no brackets, ASCII, and an IPv4 address as one.
type target struct {
	host string
	port int
	addr netip.Addr // of an IP literal; else invalid
}

func (t target) String() string { return net.JoinHostPort(t.host, strconv.Itoa(t.port)) }

// badTarget says why a text is no target. It does not repeat the text: a client may
// have put its token there, as in USER:TOKEN@HOST.
type badTarget struct{ reason string }

func (e *badTarget) Error() string { return "the target of a CONNECT is HOST:PORT, and " + e.reason }

// parseTarget reads a HOST:PORT. Spellings of one host that software reads in
// different ways are refused rather than guessed at: brackets around a name, several
// trailing dots, IPv4 in octal or as one number. Its error is a *badTarget.
func parseTarget(text string) (target, error) {
	host, portText, err := net.SplitHostPort(text)
	if err != nil {
		return target{}, &badTarget{"this is not"}
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil || port == 0 {
		return target{}, &badTarget{"a port is a number from 1 to 65535"}
	}
	bracketed := strings.HasPrefix(text, "[")
	if addr, err := netip.ParseAddr(host); err == nil && bracketed == addr.Is6() && addr.Zone() == "" {
		addr = addr.Unmap()
		return target{host: addr.String(), port: int(port), addr: addr}, nil
	}
	if bracketed {
		return target{}, &badTarget{"brackets are for IPv6 addresses without a zone"}
	}
	name, err := hostName(host)
	if err != nil {
		return target{}, err
	}
	return target{host: name, port: int(port)}, nil
}

// hostName is a DNS name in one spelling. Names of letters, digits, dashes, dots and
// underscores are taken as they are: more of them are in use than the rules for
// registered names allow. Others are internationalized (RFC 5891). Its error is a
// *badTarget.
func hostName(text string) (string, error) {
	name := strings.ToLower(strings.TrimSuffix(text, "."))
	if !isPlainName(name) {
		var err error
		if name, err = idna.Lookup.ToASCII(name); err != nil || !isPlainName(name) {
			return "", &badTarget{"this is not a host name"}
		}
	}
	if len(name) > 253 {
		return "", &badTarget{"a host name has at most 253 characters"}
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 {
			return "", &badTarget{"each part of a host name has 1 to 63 characters"}
		}
	}
	if isNumber(name[strings.LastIndexByte(name, '.')+1:]) {
		return "", &badTarget{"an IPv4 address is four decimal numbers"}
	}
	return name, nil
}

// isPlainName reports whether a name, in lower case, holds only what a resolver takes
// literally.
func isPlainName(name string) bool {
	return strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-._") == ""
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

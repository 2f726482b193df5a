package mitm

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
)

// No tunnel leads to octopool itself, whatever else is allowed, by whichever of its names
// and addresses.
func TestNoTunnelToOctopoolItself(t *testing.T) {
	p := &Proxy{Config: Config{Self: []net.Addr{
		&net.TCPAddr{IP: net.ParseIP("127.0.0.1"), Port: 8080}, &net.TCPAddr{IP: net.IPv6unspecified, Port: 9090},
	}}}
	e := Egress{Allow: []string{"*"}, Private: true, own: p.isOwn, lookup: func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("::ffff:127.0.0.1")}, nil
	}}
	const itself = " leads to octopool itself"
	for _, tt := range []struct{ target, want string }{
		{"127.0.0.1:8080", "octopool: 127.0.0.1" + itself},
		{"[::ffff:127.0.0.1]:8080", "octopool: 127.0.0.1" + itself},
		{"0.0.0.0:8080", "octopool: 0.0.0.0" + itself},
		{"[::]:8080", "octopool: ::" + itself},
		{"rebound.example:8080", "octopool: rebound.example" + itself},
		{"LOCALHOST.:8080", "octopool: localhost" + itself},
		{"127.0.0.1:9090", "octopool: 127.0.0.1" + itself}, // the admin listener, which may ask for no token here
		{"127.9.9.9:9090", "octopool: 127.9.9.9" + itself},
		{"[::1]:9090", "octopool: ::1" + itself},
		{"127.0.0.1:8081", ""},
		{"127.0.0.2:8080", ""},
		{"93.184.216.34:9090", ""},
	} {
		to, err := parseTarget(tt.target)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if _, err := e.addresses(t.Context(), to); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.target, got, tt.want)
		}
	}
	interfaces, err := net.InterfaceAddrs()
	if err != nil || len(interfaces) == 0 {
		t.Fatal(err)
	}
	for _, a := range interfaces {
		addr := netip.MustParsePrefix(a.String()).Addr()
		if !p.isOwn(netip.AddrPortFrom(addr, 9090)) {
			t.Errorf("%v is not taken for this machine's", addr)
		}
	}
}

// Who else is asked to look a name up is not asked for what is inside by its spelling.
func TestNamesThatAreNotLookedUp(t *testing.T) {
	for host, refused := range map[string]bool{
		"example.com:443": false, "localhost:443": true, "a.LOCALHOST.:443": true, "127.0.0.1:443": true, "[64:ff9b::a00:1]:443": true, "10.0.0.1:443": true, "1.1.1.1:443": false,
	} {
		to, err := parseTarget(host)
		if err != nil {
			t.Fatal(err)
		}
		if got := (Egress{Allow: []string{"*"}}).checkUnresolved(to) != nil; got != refused {
			t.Errorf("%s: refused %v", host, got)
		}
		if (Egress{Allow: []string{"*"}, Private: true}).checkUnresolved(to) != nil {
			t.Errorf("%s is refused where private addresses are allowed", host)
		}
	}
}

// Whatever a client writes and the DNS answers, what is dialled is public, each address of
// it, in a form that has one meaning, and is what was answered; nothing is looked up twice.
func FuzzEgress(f *testing.F) {
	seed := func(text string, addrs ...string) {
		var all []byte
		for _, a := range addrs {
			b := netip.MustParseAddr(a).As16()
			all = append(all, b[:]...)
		}
		f.Add(text, all)
	}
	seed("example.com:443", "140.82.121.3", "2606:50c0:8000::153")
	seed("example.com.:443", "140.82.121.3", "10.0.0.1")
	seed("example.com:443", "::ffff:169.254.169.254")
	seed("example.com:443", "64:ff9b::7f00:1")
	seed("example.com:443", "2002:7f00:1::", "100.64.0.1", "::127.0.0.1")
	seed("127.0.0.1:443")
	seed("[::ffff:7f00:1]:443")
	seed("0x7f.1:443", "127.0.0.1")
	seed("0177.0.0.1:443", "127.0.0.1")
	f.Fuzz(func(t *testing.T, text string, answer []byte) {
		to, err := parseTarget(text)
		if err != nil {
			return
		}
		lookups := 0
		e := Egress{Allow: []string{"*"}, lookup: func(_ context.Context, host string) ([]netip.Addr, error) {
			lookups++
			if host != strings.ToLower(host) || strings.HasSuffix(host, ".") || host == "" {
				t.Fatalf("%q is looked up as %q", text, host)
			}
			var addrs []netip.Addr
			for ; len(answer) >= 16; answer = answer[16:] {
				addrs = append(addrs, netip.AddrFrom16([16]byte(answer[:16])))
			}
			return addrs, nil
		}}
		if e.check(to) != nil {
			return
		}
		addrs, err := e.addresses(t.Context(), to)
		if lookups > 1 || lookups > 0 && to.addr.IsValid() {
			t.Fatalf("%q: %d lookups", text, lookups)
		}
		if err != nil {
			return
		}
		for _, addr := range addrs {
			if addr.Is4In6() || !reachable(addr) {
				t.Fatalf("%q: %v is dialled", text, addr)
			}
		}
	})
}

// reachable is another way to say public: by the net package's classes and a walk through
// what holds an IPv4 address.
func reachable(addr netip.Addr) bool {
	ip := net.IP(addr.AsSlice())
	if ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified() || ip.IsInterfaceLocalMulticast() {
		return false
	}
	if four := ip.To4(); four != nil {
		return !(four[0] == 100 && four[1]&0xc0 == 64) && four[0] != 0 && four[0] < 224
	}
	b := addr.As16()
	return b[0]>>5 == 1 && !(b[0] == 0x20 && b[1] == 0x02) && !(b[0] == 0x20 && b[1] == 0x01 && b[2] < 2)
}

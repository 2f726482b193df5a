package mitm

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"
)

// Which tunnels the rules allow, and which rule is named to whom it does not.
func TestEgressRules(t *testing.T) {
	const (
		ports   = "octopool: tunnel.ports does not list "
		denied  = "octopool: tunnel.deny names "
		missing = "octopool: tunnel.allow does not name "
		private = "octopool: tunnel.private is false and "
	)
	for _, tt := range []struct {
		name   string
		egress Egress
		target string
		want   string
	}{
		{"nothing is allowed", Egress{}, "example.com:443", missing + "example.com"},
		{"everything is", Egress{Allow: []string{"*"}}, "example.com:22", ""},
		{"but not every port", Egress{Allow: []string{"*"}, Ports: []int{443, 8443}}, "example.com:22", ports + "22"},
		{"a listed port", Egress{Allow: []string{"*"}, Ports: []int{443, 8443}}, "example.com:8443", ""},
		{"the name", Egress{Allow: []string{"Example.com."}}, "example.com:443", ""},
		{"below the name", Egress{Allow: []string{"example.com"}}, "www.example.com:443", missing + "www.example.com"},
		{"below the suffix", Egress{Allow: []string{"*.Example.com"}}, "a.b.example.com:443", ""},
		{"the suffix itself", Egress{Allow: []string{"*.example.com"}}, "example.com:443", missing + "example.com"},
		{"what only ends like the suffix", Egress{Allow: []string{"*.example.com"}}, "evilexample.com:443", missing + "evilexample.com"},
		{"deny wins", Egress{Allow: []string{"*"}, Deny: []string{"*.example.com"}}, "www.example.com:443", denied + "www.example.com"},
		{"deny in capitals", Egress{Allow: []string{"*"}, Deny: []string{"WWW.example.com"}}, "www.example.com.:443", denied + "www.example.com"},
		{"deny of all", Egress{Allow: []string{"*"}, Deny: []string{"*"}}, "example.com:443", denied + "example.com"},
		{"GitHub's own downloads", Egress{Allow: []string{"github"}}, "objects.githubusercontent.com:443", ""},
		{"GitHub's own packages", Egress{Allow: []string{"github"}}, "ghcr.io:443", ""},
		{"GitHub's Actions storage", Egress{Allow: []string{"github"}}, "productionresultssa1.blob.core.windows.net:443", ""},
		{"GitHub's tenants", Egress{Allow: []string{"github"}}, "acme.ghe.com:443", ""},
		{"what is not GitHub's", Egress{Allow: []string{"github"}}, "github.com.evil.example:443", missing + "github.com.evil.example"},
		{"deny among GitHub's", Egress{Allow: []string{"github"}, Deny: []string{"*.windows.net"}}, "x.blob.core.windows.net:443", denied + "x.blob.core.windows.net"},
		{"a public address", Egress{Allow: []string{"*"}}, "93.184.216.34:443", ""},
		{"a private address", Egress{Allow: []string{"*"}}, "10.0.0.1:443", private + "10.0.0.1 is not a public address"},
		{"this machine", Egress{Allow: []string{"*"}}, "[::1]:443", private + "::1 is not a public address"},
		{"this machine in disguise", Egress{Allow: []string{"*"}}, "[::ffff:127.0.0.1]:443", private + "127.0.0.1 is not a public address"},
		{"private is allowed", Egress{Allow: []string{"*"}, Private: true}, "10.0.0.1:443", ""},
		{"a denied address in disguise", Egress{Allow: []string{"*"}, Deny: []string{"10.0.0.1"}, Private: true}, "[::ffff:10.0.0.1]:443", denied + "10.0.0.1"},
	} {
		to, err := parseTarget(tt.target)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if err := tt.egress.check(to); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s: %s: %q, want %q", tt.name, tt.target, got, tt.want)
		}
	}
}

// Where nothing but the internet is to be reached, every spelling of an address inside
// is known for one.
func TestPublicAddresses(t *testing.T) {
	for _, tt := range []struct {
		public bool
		addrs  []string
	}{
		{true, []string{"140.82.121.3", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:50c0:8000::153", "2a00:1450::1", "::ffff:140.82.121.3"}},
		{false, []string{
			"127.0.0.1", "127.255.0.1", "0.0.0.0", "0.1.2.3", "::1", "::",
			"10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fd00:ec2::254",
			"169.254.169.254", "fe80::1", "fe80::1%eth0", "febf::1", // link-local: metadata of AWS, GCP, Azure
			"100.64.0.1", "100.100.100.200", "168.63.129.16", "192.0.0.192", // metadata of other clouds
			"224.0.0.1", "255.255.255.255", "ff02::1", "240.0.0.1",
			"192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "2001:db8::1", "3fff::1",
			"::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", // IPv4-mapped
			"::127.0.0.1", "::ffff:0:10.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::a00:1", "2002:a00:1::", "2001:0:a00:1::", // others that hold one
			"fec0::1", "100::1", "5f00::1",
		}},
	} {
		for _, text := range tt.addrs {
			if got := public(netip.MustParseAddr(text)); got != tt.public {
				t.Errorf("public(%s) = %v", text, got)
			}
		}
	}
}

// A name is judged by what it resolves to, all of it, and the client is not told what
// that is.
func TestNamesAreJudgedByTheirAddresses(t *testing.T) {
	names := map[string][]netip.Addr{}
	add := func(name string, addrs ...string) {
		for _, a := range addrs {
			names[name] = append(names[name], netip.MustParseAddr(a))
		}
	}
	add("public.example", "140.82.121.3", "2606:50c0:8000::153")
	add("loopback.example", "127.0.0.1")
	add("private.example", "10.0.0.7")
	add("metadata.example", "169.254.169.254")
	add("mapped.example", "::ffff:10.0.0.7")
	add("nat64.example", "64:ff9b::a9fe:a9fe")
	add("both.example", "140.82.121.3", "10.0.0.7")
	add("nothing.example")
	lookup := func(_ context.Context, host string) ([]netip.Addr, error) { return names[host], nil }

	closed := Egress{Allow: []string{"*"}, lookup: lookup}
	open := Egress{Allow: []string{"*"}, Private: true, lookup: lookup}
	denying := Egress{Allow: []string{"*"}, Deny: []string{"10.0.0.7"}, Private: true, lookup: lookup}
	for _, tt := range []struct {
		egress Egress
		host   string
		want   string
	}{
		{closed, "public.example", ""},
		{closed, "loopback.example", "octopool: tunnel.private is false and loopback.example has an address that is not public"},
		{closed, "private.example", "octopool: tunnel.private is false and private.example has an address that is not public"},
		{closed, "metadata.example", "octopool: tunnel.private is false and metadata.example has an address that is not public"},
		{closed, "mapped.example", "octopool: tunnel.private is false and mapped.example has an address that is not public"},
		{closed, "nat64.example", "octopool: tunnel.private is false and nat64.example has an address that is not public"},
		{closed, "both.example", "octopool: tunnel.private is false and both.example has an address that is not public"},
		{closed, "nothing.example", "lookup nothing.example: no address"},
		{open, "both.example", ""},
		{denying, "private.example", "octopool: tunnel.deny names an address of private.example"},
		{denying, "mapped.example", "octopool: tunnel.deny names an address of mapped.example"},
	} {
		got := ""
		if _, err := tt.egress.addresses(t.Context(), target{host: tt.host, port: 443}); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.host, got, tt.want)
		}
	}
}

// What was judged is what is dialled: the name is looked up once.
func TestNamesAreLookedUpOnce(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	at := netip.MustParseAddrPort(listener.Addr().String())
	lookups := 0
	e := Egress{Private: true, lookup: func(context.Context, string) ([]netip.Addr, error) {
		lookups++
		return []netip.Addr{netip.MustParseAddr("::ffff:127.0.0.1")}, nil
	}}
	conn, err := e.dial(t.Context(), target{host: "rebound.example", port: int(at.Port())})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got := conn.RemoteAddr().String(); got != at.String() || lookups != 1 {
		t.Errorf("connected to %s after %d lookups", got, lookups)
	}
}

// A resolver that does not answer is not waited for longer than a connection.
func TestSlowResolver(t *testing.T) {
	e := Egress{lookup: func(ctx context.Context, host string) ([]netip.Addr, error) {
		deadline, ok := ctx.Deadline()
		if !ok || time.Until(deadline) > dialTimeout {
			t.Errorf("the lookup may take until %v", deadline)
		}
		return nil, &net.DNSError{Err: "i/o timeout", Name: host, IsTimeout: true}
	}}
	_, err := e.dial(t.Context(), target{host: "slow.example", port: 443})
	var dns *net.DNSError
	if !errors.As(err, &dns) {
		t.Errorf("error %v", err)
	}
	if r := refusalFor(err, time.Time{}); r.status != 504 {
		t.Errorf("answered %d", r.status)
	}
}

package mitm

import (
	"net/netip"
	"strconv"
	"testing"
	"time"
)

// One machine is one address, however many IPv6 addresses it gives itself.
func TestNetwork(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		same bool
	}{
		{"192.0.2.1", "192.0.2.1", true},
		{"192.0.2.1", "192.0.2.2", false},
		{"192.0.2.1", "::ffff:192.0.2.1", true},
		{"2001:db8::1", "2001:db8::2:3:4:5", true},
		{"2001:db8::1", "2001:db8:0:1::1", false},
		{"fe80::1%eth0", "fe80::2%eth1", true},
	} {
		if same := network(netip.MustParseAddr(tt.a)) == network(netip.MustParseAddr(tt.b)); same != tt.same {
			t.Errorf("%s and %s: %v", tt.a, tt.b, same)
		}
	}
}

// A crowd lets in as many as may be, remembers nobody who has left, and says which limit it was.
func TestCrowd(t *testing.T) {
	var c crowd[string]
	enter := func(who string) string {
		full, fullOfOne := c.enter(who, 3, 2)
		switch {
		case full:
			return "full"
		case fullOfOne:
			return "full of " + who
		}
		return "in"
	}
	for i, want := range []string{"in", "in", "full of a"} {
		if got := enter("a"); got != want {
			t.Errorf("a, %d: %s, want %s", i+1, got, want)
		}
	}
	for i, want := range []string{"in", "full"} {
		if got := enter("b"); got != want {
			t.Errorf("b, %d: %s, want %s", i+1, got, want)
		}
	}
	c.leave("a")
	if got := enter("b"); got != "in" {
		t.Errorf("after one has left: %s", got)
	}
	c.leave("a")
	c.leave("b")
	c.leave("b")
	if c.all != 0 || len(c.of) != 0 {
		t.Errorf("when all have left there are %d, %v", c.all, c.of)
	}
	for range 100 {
		if full, fullOfOne := c.enter("a", 0, 0); full || fullOfOne {
			t.Fatal("a limit where there is none")
		}
	}
}

// Who comes from ever new addresses does not fill the memory: those that have been silent
// for a minute are forgotten. A limit that changes holds for who is known as well.
func TestPacer(t *testing.T) {
	var p pacer
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	addr := netip.MustParseAddr("10.0.0.0")
	for n := range 100_000 {
		addr = addr.Next()
		if !p.allows(addr, 60, now) {
			t.Fatal("its first is refused")
		}
		if now = now.Add(10 * time.Millisecond); len(p.of) > 20_000 {
			t.Fatalf("after %s there are %d", strconv.Itoa(n), len(p.of))
		}
	}
	for n := range 5 {
		if got := p.allows(addr, 3, now); got != (n < 3) { // it has had one of 60: the rest is more than 3
			t.Errorf("%d of 3: %v", n+1, got)
		}
	}
	if !p.allows(addr, 0, now) {
		t.Error("a limit where there is none")
	}
}

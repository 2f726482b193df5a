package mitm

import (
	"net/netip"
	"strings"
	"testing"
)

// A target has one spelling, and what software reads in different ways has none.
func TestParseTarget(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"api.github.com:443", "api.github.com:443"},
		{"API.GitHub.COM:443", "api.github.com:443"},
		{"api.github.com.:443", "api.github.com:443"},
		{"api.github.com:0443", "api.github.com:443"},
		{"api。github。com:443", "api.github.com:443"}, // ideographic full stops
		{"ａｐｉ.github.com:443", "api.github.com:443"}, // full-width letters
		{"bücher.example:443", "xn--bcher-kva.example:443"},
		{"my_host.internal:8443", "my_host.internal:8443"},
		{"r3---sn-abc.example:443", "r3---sn-abc.example:443"},
		{"localhost:1", "localhost:1"},
		{"192.0.2.1:65535", "192.0.2.1:65535"},
		{"[2001:DB8::1]:443", "[2001:db8::1]:443"},
		{"[::ffff:192.0.2.1]:443", "192.0.2.1:443"},

		{"", ""},
		{"api.github.com", ""},
		{"api.github.com:", ""},
		{":443", ""},
		{"api.github.com:0", ""},
		{"api.github.com:99999", ""},
		{"api.github.com:-443", ""},
		{"api.github.com:+443", ""},
		{"api.github.com:https", ""},
		{"api.github.com:443:443", ""},
		{"https://api.github.com:443", ""},
		{"api.github.com:443/", ""},
		{"api.github.com:443?x", ""},
		{"user@api.github.com:443", ""},
		{"user:ghp_x@api.github.com:443", ""},
		{"api.github.com..:443", ""},
		{"api..github.com:443", ""},
		{".github.com:443", ""},
		{"*.github.com:443", ""},
		{"api.github.com\x00:443", ""},
		{"api.github.com%2f:443", ""},
		{"api%2egithub.com:443", ""},
		{"api github.com:443", ""},
		{" api.github.com:443", ""},
		{"api.github.com\t:443", ""},
		{"[api.github.com]:443", ""},
		{"[192.0.2.1]:443", ""},
		{"2001:db8::1:443", ""},
		{"[fe80::1%eth0]:443", ""},
		{"[fe80::1%25eth0]:443", ""},
		{"[::1:443", ""},
		{"127.1:443", ""},
		{"2130706433:443", ""},
		{"0x7f000001:443", ""},
		{"0x7f.0.0.1:443", ""},
		{"0177.0.0.1:443", ""},
		{"127.0.0.1.:443", ""},
		{"１２７.0.0.1:443", ""}, // full-width digits
		{"a.0x:443", ""},
		{strings.Repeat("a", 64) + ".example:443", ""},
		{strings.Repeat("a.", 127) + "example:443", ""},
		{"xn--0.example:443", "xn--0.example:443"}, // no valid punycode; DNS will not know it
	} {
		got, err := parseTarget(tt.text)
		switch {
		case err != nil && tt.want != "":
			t.Errorf("%q is refused: %v", tt.text, err)
		case err == nil && got.String() != tt.want:
			t.Errorf("%q is %q, want %q", tt.text, got, tt.want)
		}
	}
}

// Whatever a client sends, a target that is accepted has one spelling, which is accepted
// as itself, and an error repeats nothing of what was sent.
func FuzzParseTarget(f *testing.F) {
	for _, seed := range []string{"api.github.com:443", "[::1]:443", "[::ffff:127.0.0.1]:80", "BÜCHER.example.:1", "0x7f.1:443", "a_b:2", "u:ghp_x@h:3", "127.0.0.1:99999"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseTarget(text)
		if err != nil {
			if len(text) > 12 && strings.Contains(err.Error(), text) {
				t.Fatalf("the error repeats %q: %v", text, err)
			}
			return
		}
		again, err := parseTarget(got.String())
		if err != nil || again != got {
			t.Fatalf("%q is %q, which is %q, %v", text, got, again, err)
		}
		if got.port < 1 || got.port > 65535 {
			t.Fatalf("%q has port %d", text, got.port)
		}
		addr, err := netip.ParseAddr(got.host)
		if isAddr := err == nil; isAddr != got.addr.IsValid() || isAddr && addr != got.addr {
			t.Fatalf("%q: host %q, address %v", text, got.host, got.addr)
		}
		if !got.addr.IsValid() && (!isPlainName(got.host) || strings.HasSuffix(got.host, ".")) {
			t.Fatalf("%q: host %q is in no plain spelling", text, got.host)
		}
	})
}

// A request's host is the tunnel's in any spelling that can only mean it, on port 443.
func TestIsHost(t *testing.T) {
	for authority, want := range map[string]bool{
		"api.github.com":          true,
		"api.github.com:443":      true,
		"API.github.COM:443":      true,
		"api.github.com.":         true,
		"api.github.com.:443":     true,
		"":                        false,
		":443":                    false,
		"api.github.com:":         false,
		"api.github.com:80":       false,
		"api.github.com:0443":     false,
		"api.github.com:443:443":  false,
		"x@api.github.com":        false,
		"api.github.com, evil":    false,
		"api.github.com/":         false,
		"api.github.com\\.evil":   false,
		"evil.example":            false,
		"github.com":              false,
		"x.api.github.com":        false,
		"[api.github.com]":        false,
		"api.github.com%2eevil":   false,
		"api.github.com\x00.evil": false,
	} {
		if got := isHost(authority, "api.github.com"); got != want {
			t.Errorf("isHost(%q) = %v", authority, got)
		}
	}
}

// An authority that passes for a host is that host: nothing stands before it, behind it
// or instead of it, as a URL parser would read it too.
func FuzzIsHost(f *testing.F) {
	for _, seed := range []string{"api.github.com", "API.GITHUB.COM.:443", "evil", "api.github.com:444", "a@api.github.com"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, authority string) {
		if !isHost(authority, "api.github.com") {
			return
		}
		name := strings.TrimSuffix(authority, ":443")
		if got, err := parseTarget(name + ":443"); err != nil || got.String() != "api.github.com:443" {
			t.Fatalf("%q passes for the host, and is %v, %v", authority, got, err)
		}
		if strings.ContainsAny(name, "@:/?#\\%[] \t\r\n\x00") {
			t.Fatalf("%q passes for the host", authority)
		}
	})
}

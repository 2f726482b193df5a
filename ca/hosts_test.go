package ca

import (
	"crypto/x509"
	"slices"
	"strings"
	"testing"
)

func TestHosts(t *testing.T) {
	got, err := foldAll([]string{"GitHub.com", "api.github.com.", "github.com", "ghes", "xn--bcher-kva.example", "a_b.example"})
	want := []string{"a_b.example", "api.github.com", "ghes", "github.com", "xn--bcher-kva.example"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("foldAll = %v, %v", got, err)
	}
	for _, tt := range []struct{ host, want string }{
		{"", "is not a host name"},
		{".", "is not a host name"},
		{".github.com", "is not a host name"},
		{"github..com", "is not a host name"},
		{"github.com..", "is not a host name"},
		{"-a.example", "is not a host name"},
		{"*.github.com", "is not a host name"},
		{"github.com:443", "is not a host name"},
		{"https://github.com", "is not a host name"},
		{"bücher.example", "xn--"},
		{"git\u212Aub.com", "is not a host name"}, // the Kelvin sign
		{"10.0.0.1", "is an IP address"},
		{"::1", "is an IP address"},
		{"[::1]", "is an IP address"},
		{"127.1", "read it as an IP address"},
		{"2130706433", "read it as an IP address"},
		{strings.Repeat("a", 64) + ".example", "is not a host name"},
		{strings.Repeat("a.", 126) + "aa", "longer than 253"},
	} {
		if _, err := foldAll([]string{"github.com", tt.host}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v, want %q", tt.host, err, tt.want)
		}
	}
	if _, err := foldAll(nil); err == nil {
		t.Error("an empty set was accepted: such constraints permit everything")
	}
}

// A host that is let in has one spelling, and a leaf with that name matches it.
func FuzzHosts(f *testing.F) {
	for _, seed := range []string{"github.com", "API.GitHub.com.", "127.0.0.1", "a-.b", "a_b", "xn--bcher-kva.example", "1.2", "K.example"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, host string) {
		names, err := foldAll([]string{host})
		if err != nil {
			return
		}
		name := names[0]
		if fold(name) != name || fold(strings.ToUpper(name)+".") != name {
			t.Errorf("%q has more than one spelling", name)
		}
		if !strings.EqualFold(strings.TrimSuffix(host, "."), name) {
			t.Errorf("%q became %q", host, name)
		}
		if err := (&x509.Certificate{DNSNames: names}).VerifyHostname(name); err != nil {
			t.Error(err)
		}
	})
}

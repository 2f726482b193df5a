package config

import (
	"strings"
	"testing"
	"time"
)

func TestDurationsAsTheyAreWritten(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "0s": 0, "30s": 30 * time.Second, "720h": 720 * time.Hour, "1h30m": 90 * time.Minute, "1.5s": 1500 * time.Millisecond,
	} {
		var d Duration
		if err := d.UnmarshalText([]byte(text)); err != nil || time.Duration(d) != want {
			t.Errorf("%q is %v, %v, want %v", text, time.Duration(d), err, want)
		}
	}
	for _, text := range []string{"", "30", "-1s", "30 s", "30days", "1d", "s", "9999999h"} {
		var d Duration
		if err := d.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was taken for %v", text, time.Duration(d))
		} else if !strings.Contains(err.Error(), `"720h"`) {
			t.Errorf("%q: %v does not say how it is done", text, err)
		}
	}
}

func TestSizesAsTheyAreWritten(t *testing.T) {
	for text, want := range map[string]int64{
		"0B": 0, "7B": 7, "512KiB": 512 << 10, "8MiB": 8 << 20, "2GiB": 2 << 30, "1TiB": 1 << 40, "4194304TiB": 1 << 62,
	} {
		var s Size
		if err := s.UnmarshalText([]byte(text)); err != nil || int64(s) != want {
			t.Errorf("%q is %d, %v, want %d", text, s, err, want)
		}
	}
	for _, text := range []string{
		"", "8", "8MB", "8Mi", "8M", "8mib", "MiB", "-1B", "+1B", "1.5GiB", "8 MiB", "8MiBB", "4194305TiB", "99999999999999999999B", "1_000B", "0x10B",
	} {
		var s Size
		if err := s.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was taken for %d", text, s)
		} else if !strings.Contains(err.Error(), `"8MiB"`) {
			t.Errorf("%q: %v does not say how it is done", text, err)
		}
	}
}

func FuzzDuration(f *testing.F) {
	f.Add("720h")
	f.Add("-1s")
	f.Fuzz(func(t *testing.T, text string) {
		d := Duration(-1)
		if err := d.UnmarshalText([]byte(text)); err != nil {
			if d != -1 {
				t.Errorf("%q is wrong and set %d", text, d)
			}
			return
		}
		var again Duration
		if err := again.UnmarshalText([]byte(time.Duration(d).String())); err != nil || again != d || d < 0 {
			t.Errorf("%q is %v, and that is %v, %v", text, time.Duration(d), time.Duration(again), err)
		}
	})
}

func FuzzSize(f *testing.F) {
	f.Add("8MiB")
	f.Add("4194305TiB")
	f.Fuzz(func(t *testing.T, text string) {
		s := Size(-1)
		if err := s.UnmarshalText([]byte(text)); err != nil {
			if s != -1 {
				t.Errorf("%q is wrong and set %d", text, s)
			}
			return
		}
		if s < 0 || s > 1<<62 {
			t.Errorf("%q is %d", text, s)
		}
	})
}

func TestAddresses(t *testing.T) {
	for _, text := range []string{"127.0.0.1:8080", "[::1]:8080", ":8080", "localhost:8080", "proxy.example.com:443", "0.0.0.0:0", "[fe80::1%eth0]:1"} {
		if err := checkAddress(text); err != nil {
			t.Error(err)
		}
	}
	for _, text := range []string{"", "8080", "127.0.0.1", "::1:8080", "127.0.0.1:", "127.0.0.1:99999", "http://127.0.0.1:8080", "a b:80", "127.1:80", "*:80", "x:nonsense"} {
		if checkAddress(text) == nil {
			t.Errorf("%q was taken for an address", text)
		}
	}
}

func TestTunnelRules(t *testing.T) {
	for _, text := range []string{"*", "github", "example.com", "*.example.com", "Packages.Example.com", "under_score.example", "localhost", "10.0.0.7", "2001:db8::7"} {
		if err := checkTunnelRule(text); err != nil {
			t.Error(err)
		}
	}
	for _, text := range []string{"", "**", "*example.com", "a.*.com", "example.com:443", "https://example.com", "example.com/", "example.com.", "10.0.0.0/8", "2001:DB8::7", "[::1]", "127.1", "*.", ".example.com", "a b"} {
		if checkTunnelRule(text) == nil {
			t.Errorf("%q was taken for a rule, and would match nothing", text)
		}
	}
}

package store

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestLedger: what one octopool notes all others read, until its time, and a purge leaves it.
func TestLedger(t *testing.T) {
	server := startRedis(t)
	open := func() *Redis {
		return openRedisWith(t, RedisOptions{URL: server.url(), Patience: 10 * time.Second})
	}
	one, two := open(), open()
	soon := time.Now().Add(time.Hour).Truncate(time.Second)
	err := one.Ledger("revoked").Add(t.Context(), map[string]time.Time{"a": soon, "b": time.Now().Add(-time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	one.Purge(func(Key) bool { return true })
	got, err := two.Ledger("revoked").All(t.Context())
	if want := map[string]time.Time{"a": soon}; err != nil || !cmp.Equal(got, want) {
		t.Errorf("%v %v, want %v", got, err, want)
	}
}

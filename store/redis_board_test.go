package store

import (
	"context"
	"errors"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func (s *redisServer) member(t *testing.T, ttl, patience time.Duration) *Board {
	return openRedisWith(t, RedisOptions{URL: s.url(), BoardTTL: ttl, Patience: patience}).Board("pool default")
}

func publish(t *testing.T, b *Board, state string) {
	t.Helper()
	if err := b.Publish(t.Context(), []byte(state)); err != nil {
		t.Error(err)
	}
}

func others(t *testing.T, b *Board) []string {
	t.Helper()
	states, err := b.Others(t.Context())
	if err != nil {
		t.Error(err)
	}
	var said []string
	for _, state := range states {
		said = append(said, string(state))
	}
	slices.Sort(said)
	return said
}

func wantOthers(t *testing.T, b *Board, want ...string) {
	t.Helper()
	if got := others(t, b); !cmp.Equal(got, want) {
		t.Errorf("others say %q, want %q", got, want)
	}
}

func TestBoard(t *testing.T) {
	server := startRedis(t)
	a, b, c := server.member(t, time.Minute, 10*time.Second), server.member(t, time.Minute, 10*time.Second), server.member(t, time.Minute, 10*time.Second)
	wantOthers(t, a)
	publish(t, a, "a: 80")
	wantOthers(t, a)
	wantOthers(t, b, "a: 80")
	publish(t, b, "b: 2\n\x00 \xff")
	publish(t, c, "")
	wantOthers(t, a, "", "b: 2\n\x00 \xff")
	publish(t, a, "a: 79")
	wantOthers(t, c, "a: 79", "b: 2\n\x00 \xff")

	elsewhere := a.redis.Board("pool other")
	wantOthers(t, elsewhere)
	publish(t, elsewhere, "x")
	wantOthers(t, b, "", "a: 79")
}

// A member that says nothing any more is not seen any more; others that go on are.
func TestBoardMemberDies(t *testing.T) {
	server := startRedis(t)
	const ttl = 300 * time.Millisecond
	a, b, dying := server.member(t, ttl, 10*time.Second), server.member(t, ttl, 10*time.Second), server.member(t, ttl, 10*time.Second)
	publish(t, dying, "dying")
	publish(t, b, "b")
	wantOthers(t, a, "b", "dying")
	if err := dying.redis.Close(); err != nil {
		t.Error(err)
	}
	if err := dying.Publish(t.Context(), []byte("dead")); err == nil {
		t.Error("a closed store published")
	}
	died := time.Now()
	until(t, "only b is seen", func() bool {
		publish(t, b, "b")
		said := others(t, a)
		if !slices.Contains(said, "b") && time.Since(died) < ttl {
			t.Errorf("others say %q", said)
		}
		return cmp.Equal(said, []string{"b"})
	})
	until(t, "nobody is seen", func() bool { return len(others(t, a)) == 0 })
	until(t, "nothing is left", func() bool {
		n, err := server.do(t, "DBSIZE").AsInt64()
		return n == 0 && err == nil
	})
}

func TestBoardErrors(t *testing.T) {
	server := startRedis(t)
	b := server.member(t, time.Minute, 0)
	publish(t, b, "b")
	server.signal(t, syscall.SIGSTOP)
	start := time.Now()
	for range 100 {
		if err := b.Publish(t.Context(), []byte("b")); err == nil {
			t.Error("published")
		}
		if _, err := b.Others(t.Context()); err == nil {
			t.Error("read")
		}
	}
	if took := time.Since(start); took > 3*bearable { // not 50 ms each
		t.Errorf("200 errors took %v", took)
	}
	server.signal(t, syscall.SIGCONT)
	until(t, "the board is back", func() bool { return b.Publish(t.Context(), []byte("b")) == nil })

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Publish(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

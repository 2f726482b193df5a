package store

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestMemory(t *testing.T) {
	testStore(t, func(*testing.T) Store { return NewMemory(0) })
}

func TestMemoryDropsLeastRecentlyUsed(t *testing.T) {
	key := func(i int) Key { return Key{Path: fmt.Sprint("/", i)} }
	body := strings.Repeat("x", 10_000)
	m := NewMemory(50_000) // room for four of them
	for i := range 4 {
		put(m, key(i), body, noon)
	}
	m.Body(key(0), answer(body, noon))
	m.Touch(key(1), answer(body, noon))
	m.Lookup(key(2)) // looking is not using
	put(m, key(4), body, noon)
	put(m, key(5), body, noon)
	for i, want := range []int{1, 1, 0, 0, 1, 1} {
		if got := len(m.Lookup(key(i))); got != want {
			t.Errorf("key %d has %d views, want %d", i, got, want)
		}
	}
	if got := m.Stats(); got.Evictions != 2 || got.Entries != 4 || got.Bytes > 50_000 || got.Bytes < 40_000 {
		t.Errorf("%+v", got)
	}

	put(m, key(0), strings.Repeat("x", 60_000), noon)
	if got := m.Stats(); got.Evictions != 2 || got.Entries != 4 {
		t.Errorf("a body larger than the store displaced others: %+v", got)
	}
	for i := range 6 {
		m.Drop(key(i), answer(body, noon).Body)
	}
	if got := m.Stats(); got.Bytes != 0 || got.Entries != 0 {
		t.Errorf("an empty store has %+v", got)
	}
}

func TestOffStoresNothing(t *testing.T) {
	var s Store = Off{}
	put(s, aKey, "x", noon)
	wantViews(t, s, aKey)
}

func TestVouch(t *testing.T) {
	var r Representation
	names := func() (names []string) {
		for _, v := range r.Vouchers {
			names = append(names, v.Pool+"/"+v.Credential)
		}
		return names
	}
	want := func(claim string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, names()); diff != "" {
			t.Errorf("%s: %s", claim, diff)
		}
	}
	r.Vouch(Voucher{"p", "a", noon})
	r.Vouch(Voucher{"p", "b", noon})
	r.Vouch(Voucher{"q", "a", noon})
	want("new ones come in front, pools apart", "q/a", "p/b", "p/a")

	before := r
	r.Vouch(Voucher{"p", "a", noon.Add(time.Second)})
	want("a known one moves to the front", "p/a", "q/a", "p/b")
	if !r.vouched().Equal(noon.Add(time.Second)) {
		t.Errorf("vouched %v", r.vouched())
	}
	if before.Vouchers[0].Pool != "q" {
		t.Error("vouching for r changed a copy of it")
	}

	for i := range MaxVouchers - 1 {
		r.Vouch(Voucher{"r", fmt.Sprint(i), noon})
	}
	want("the oldest go first", "r/6", "r/5", "r/4", "r/3", "r/2", "r/1", "r/0", "p/a")
	r.Vouch(Voucher{"p", "a", noon})
	want("moving drops none", "p/a", "r/6", "r/5", "r/4", "r/3", "r/2", "r/1", "r/0")
}

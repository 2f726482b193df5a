package store

import (
	"bytes"
	"testing"

	"github.com/dgraph-io/badger/v4"
)

// A record that was damaged, is of another version or belongs elsewhere is a
// miss, and the other views of its key are not affected.
func TestBadgerMissesWhatIsNotItsOwn(t *testing.T) {
	sound := (&record{key: aKey, rep: *answer("x", noon)}).append(nil)
	other := record{key: aKey, rep: *answer("x", noon)}
	other.key.Path = "/collision"
	damaged := bytes.Clone(sound)
	damaged[20]++
	newer := bytes.Clone(sound)
	newer[0]++
	otherView := (&record{key: aKey, rep: *answer("y", noon)}).append(nil)
	for name, tt := range map[string]struct {
		record []byte
		errors uint64
	}{
		"damaged":         {damaged, 1},
		"empty":           {nil, 1},
		"another version": {newer, 0},
		"another key":     {other.append(nil), 0},
		"another view":    {otherView, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := openBadger(t, t.TempDir())
			put(s, aKey, "sound", noon)
			put(s, aKey, "x", noon)
			overwrite(t, s, keyOf(recordKey, aKey, answer("x", noon).Body), tt.record)
			wantViews(t, s, aKey, "sound")
			if got := s.Stats().Errors; got != tt.errors {
				t.Errorf("%d errors, want %d", got, tt.errors)
			}
			put(s, aKey, "x", noon)
			wantViews(t, s, aKey, "x", "sound")
		})
	}
}

func TestBadgerMissesDamagedBody(t *testing.T) {
	s := openBadger(t, t.TempDir())
	r := put(s, aKey, "body", noon)
	key := keyOf(bodyKey, aKey, r.Body)
	stored := appendBody(nil, r.Body, "", []byte("body"))
	for name, value := range map[string][]byte{
		"torn":          stored[:len(stored)-1],
		"flipped":       append(bytes.Clone(stored[:len(stored)-1]), 'z'),
		"another's":     appendBody(nil, Digest{1}, "", []byte("body")),
		"of nothing":    nil,
		"newer version": append([]byte{recordVersion + 1}, stored[1:]...),
	} {
		overwrite(t, s, key, value)
		if body, ok := s.Body(aKey, r); ok {
			t.Errorf("%s: %q", name, body)
		}
	}
	put(s, aKey, "body", noon)
	wantViews(t, s, aKey, "body")

	s.outbox.settle()
	if err := s.db.Update(func(txn *badger.Txn) error { return txn.Delete(key[:]) }); err != nil {
		t.Fatal(err)
	}
	if _, ok := s.Body(aKey, r); ok || len(s.Lookup(aKey)) != 1 {
		t.Error("a record without its body is found by Lookup and missed by Body")
	}
}

func overwrite(t *testing.T, s *Badger, key [keySize]byte, value []byte) {
	t.Helper()
	s.outbox.settle()
	if err := s.db.Update(func(txn *badger.Txn) error { return txn.Set(key[:], value) }); err != nil {
		t.Fatal(err)
	}
}

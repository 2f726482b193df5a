package store

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"
)

func TestBadgerReturnsErrorsOfThePlace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenBadger(filepath.Join(file, "store"), BadgerOptions{}); err == nil {
		t.Error("opened below a file")
	}
}

// Of what was moved aside the last few are kept.
func TestBadgerKeepsFewDamagedStores(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "store")
	c := newClock()
	for day := range 6 {
		c.set(time.Duration(day) * 24 * time.Hour)
		if err := errors.Join(os.RemoveAll(dir), os.WriteFile(dir, []byte{byte(day)}, 0o600)); err != nil {
			t.Fatal(err)
		}
		s := openBadgerWith(t, dir, BadgerOptions{}, c.now, freeOn)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	var kept []byte
	for _, name := range glob(t, parent, "store.broken-*") {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, content...)
	}
	if !bytes.Equal(kept, []byte{3, 4, 5}) {
		t.Errorf("kept those of days %v", kept)
	}
}

// A store that was written by another version of this package is emptied without a word.
func TestBadgerOfAnotherVersion(t *testing.T) {
	for name, version := range map[string][]byte{"older": {recordVersion - 1}, "newer": {recordVersion + 1}, "none": nil} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := openBadger(t, dir)
			put(s, aKey, "x", noon)
			s.outbox.settle()
			if err := s.db.Update(func(txn *badger.Txn) error {
				if version == nil {
					return txn.Delete([]byte{versionKey})
				}
				return txn.Set([]byte{versionKey}, version)
			}); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			for _, want := range [][]string{nil, {"y"}} { // emptied once
				s, err := OpenBadger(dir, BadgerOptions{TTL: time.Hour, Log: slog.New(slog.NewTextHandler(&log, nil))})
				if err != nil {
					t.Fatal(err)
				}
				wantViews(t, s, aKey, want...)
				put(s, aKey, "y", noon)
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
			if log.Len() > 0 || len(glob(t, filepath.Dir(dir), "*.broken-*")) > 0 {
				t.Error(log.String())
			}
		})
	}
}

package store

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Whatever is found in its place, a store opens, warns once and keeps what it
// could not read beside it.
func TestBadgerMovesDamagedFilesAside(t *testing.T) {
	truncate := func(pattern string, keep float64) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			for _, name := range glob(t, dir, pattern) {
				info, err := os.Stat(name)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.Truncate(name, int64(float64(info.Size())*keep)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	garble := func(pattern string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			for _, name := range glob(t, dir, pattern) {
				if err := os.WriteFile(name, bytes.Repeat([]byte("not a database\n"), 100), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	zero := func(pattern string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			truncate(pattern, 0)(t, dir)
			for _, name := range glob(t, dir, pattern) {
				if err := os.Truncate(name, 100_000); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	overwriteAt := func(pattern string, at int64, with ...byte) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			for _, name := range glob(t, dir, pattern) {
				file, err := os.OpenFile(name, os.O_WRONLY, 0)
				if err != nil {
					t.Fatal(err)
				}
				_, err = file.WriteAt(with, at)
				if err := errors.Join(err, file.Close()); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for name, tt := range map[string]struct {
		damage func(t *testing.T, dir string)
		kept   bool // Badger copes by itself; whatever it still has must be right
	}{
		"manifest garbled":           {garble("MANIFEST"), false},
		"manifest of no length":      {truncate("MANIFEST", 0), false},
		"manifest of another Badger": {overwriteAt("MANIFEST", 6, 0, 77), false},
		"manifest of another format": {overwriteAt("MANIFEST", 4, 0, 77), false},
		"tables zeroed":              {zero("*.sst"), false},
		"tables damaged within":      {overwriteAt("*.sst", 500, bytes.Repeat([]byte{0xff}, 1500)...), false},
		"tables zeroed within":       {overwriteAt("*.sst", 0, make([]byte, 2000)...), false},
		"value log zeroed":           {zero("*.vlog"), true},
		"value log of another key":   {overwriteAt("*.vlog", 0, 0, 0, 0, 0, 0, 0, 0, 9), false},
		"a text file among them": {func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, "README.txt"), []byte("mine\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, true},
		"a text file like a log": {func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, "mine.vlog"), []byte("mine\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, false},
		"key registry garbled":   {garble("KEYREGISTRY"), false},
		"tables garbled":         {garble("*.sst"), false},
		"tables cut off":         {truncate("*.sst", 0.5), false},
		"tables of no length":    {truncate("*.sst", 0), false},
		"tables of one byte":     {truncate("*.sst", 1e-5), false},
		"value log cut off":      {truncate("*.vlog", 0.5), true},
		"value log of no length": {truncate("*.vlog", 0), true},
		"value log garbled":      {garble("*.vlog"), false},
		"a new value log of no length": {func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, "000099.vlog"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, true},
		"memory log of no length": {func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, "00099.mem"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, true},
		"memory log garbled":    {garble("*.mem"), true},
		"discard stats garbled": {garble("DISCARD"), true},
		"discard stats short":   {truncate("DISCARD", 1e-6), true},
		"a file in its place": {func(t *testing.T, dir string) {
			if err := errors.Join(os.RemoveAll(dir), os.WriteFile(dir, []byte("mine"), 0o600)); err != nil {
				t.Fatal(err)
			}
		}, false},
		"nothing wrong": {func(*testing.T, string) {}, true},
		"half a table, ignored": {func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, "000999.sst"), []byte("half"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "store")
			s := openBadger(t, dir)
			bodies := make([]string, 30)
			for i := range bodies {
				bodies[i] = strings.Repeat(fmt.Sprint(i), 500)
				put(s, Key{Path: fmt.Sprint(i)}, bodies[i], noon)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			tt.damage(t, dir)

			var log bytes.Buffer
			s, err := OpenBadger(dir, BadgerOptions{TTL: time.Hour, Log: slog.New(slog.NewTextHandler(&log, nil))})
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range bodies {
				k := Key{Path: fmt.Sprint(i)}
				for _, r := range s.Lookup(k) {
					if got, ok := s.Body(k, &r); ok && string(got) != want {
						t.Errorf("%d: a wrong body of %d bytes", i, len(got))
					}
				}
			}
			put(s, aKey, "fresh", noon)
			s.outbox.settle()
			wantViews(t, s, aKey, "fresh")
			s.use("housekeeping", func() error { return s.tidy(true) })
			wantViews(t, s, aKey, "fresh")
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if strings.Contains(log.String(), emptyFile) {
				t.Error(log.String())
			}
			aside := glob(t, filepath.Dir(dir), "store.broken-*")
			if warned := strings.Contains(log.String(), "moved aside"); warned == tt.kept || (len(aside) == 0) != tt.kept {
				t.Errorf("aside: %q, log: %s", aside, log.String())
			}
		})
	}
}

func glob(t *testing.T, dir, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

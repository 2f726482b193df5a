package store

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// wantSiblings checks that k has exactly these siblings, each as "ACCEPT BODY", in order.
func wantSiblings(t *testing.T, s Store, k Key, want ...string) {
	t.Helper()
	var got []string
	for _, sibling := range s.Siblings(k) {
		body, ok := s.Body(sibling.Key, &sibling.Representation)
		if !ok {
			body = []byte("<missing>")
		}
		got = append(got, sibling.Key.Accept+" "+string(body))
	}
	if !cmp.Equal(got, want) {
		t.Errorf("siblings of %+v: got %.200q, want %.200q", k, got, want)
	}
}

// siblingClaims are of the views of one URL.
func siblingClaims() []claim {
	return []claim{
		{"siblings are the views of the same URL under other Accepts", func(t *testing.T, s Store) {
			under := func(accept string) Key {
				k := aKey
				k.Accept = accept
				return k
			}
			put(s, under("html"), "html", noon.Add(2*time.Second))
			put(s, under("raw"), "raw", noon.Add(3*time.Second))
			put(s, under("raw"), "raw, to another", noon.Add(time.Second))
			wantSiblings(t, s, aKey, "raw raw", "html html", "raw raw, to another")
			wantSiblings(t, s, under("raw"), "html html")

			put(s, aKey, "own", noon)
			for _, change := range []func(*Key){
				func(k *Key) { k.Host = "ghes.example" },
				func(k *Key) { k.Path += "x" },
				func(k *Key) { k.Query = "" },
				func(k *Key) { k.Version = "" },
			} {
				other := under("elsewhere")
				change(&other)
				put(s, other, "elsewhere", noon.Add(time.Hour))
				wantSiblings(t, s, other)
			}
			wantSiblings(t, s, aKey, "raw raw", "html html", "raw raw, to another")

			s.Touch(under("html"), answer("html", noon.Add(time.Minute)))
			s.Drop(under("raw"), sha256.Sum256([]byte("raw")))
			wantSiblings(t, s, aKey, "html html", "raw raw, to another")
		}},
		{"siblings are few, and the last vouched", func(t *testing.T, s Store) {
			for i := range MaxSiblings + 3 {
				k := aKey
				k.Accept = fmt.Sprint(i)
				put(s, k, "body", noon.Add(time.Duration(i)*time.Second))
			}
			wantSiblings(t, s, aKey, "6 body", "5 body", "4 body", "3 body")
		}},
		{"a sibling is whole", func(t *testing.T, s Store) {
			k := aKey
			k.Accept = "text/html"
			r := put(s, k, "body", noon)
			if diff := cmp.Diff([]Sibling{{k, *r}}, s.Siblings(aKey)); diff != "" {
				t.Error(diff)
			}
		}},
	}
}

func purgeClaims() []claim {
	return []claim{
		{"purge forgets every view whose key matches, and counts them", func(t *testing.T, s Store) {
			other, third := aKey, aKey
			other.Path, third.Accept = "/other", "third"
			put(s, aKey, "a", noon)
			put(s, aKey, "b", noon)
			put(s, third, "c", noon)
			put(s, other, "d", noon)
			if got := s.Purge(func(k Key) bool { return k.Path == "/nowhere" }); got != 0 {
				t.Errorf("purged %d of nothing", got)
			}
			if got := s.Purge(func(k Key) bool { return k.Path == aKey.Path }); got != 3 {
				t.Errorf("purged %d views, want 3", got)
			}
			wantViews(t, s, aKey)
			wantViews(t, s, third)
			wantViews(t, s, other, "d")
			if _, ok := s.Body(aKey, answer("a", noon)); ok {
				t.Error("a body outlived its view")
			}
			wantStats(t, s, 1, 0)
			put(s, aKey, "a", noon)
			wantViews(t, s, aKey, "a")
			if got := s.Purge(func(Key) bool { return true }); got != 2 {
				t.Errorf("purged %d views, want all 2", got)
			}
		}},
	}
}

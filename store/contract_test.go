package store

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

var aKey = Key{Host: "api.github.com", Path: "/repos/acme/site/issues", Query: "page=2", Accept: "application/json", Version: "2022-11-28"}

// answer returns a representation of body that one credential vouched for.
func answer(body string, at time.Time) *Representation {
	return &Representation{
		Header: http.Header{
			"Content-Type": {"application/json; charset=utf-8"},
			"Vary":         {"Accept, Authorization, Cookie, X-GitHub-OTP", "Accept-Encoding, Accept, X-Requested-With"},
		},
		ETag:     `W/"5e3"`,
		Hashed:   5,
		Size:     int64(len(body)),
		Body:     sha256.Sum256([]byte(body)),
		Stored:   at,
		Vouchers: []Voucher{{Pool: "default", Credential: "bot", At: at}},
	}
}

func put(s Store, k Key, body string, at time.Time) *Representation {
	r := answer(body, at)
	s.Put(k, r, []byte(body))
	return r
}

// wantViews checks that k has exactly the views with these bodies, in order.
func wantViews(t *testing.T, s Store, k Key, want ...string) {
	t.Helper()
	var got []string
	for _, r := range s.Lookup(k) {
		body, ok := s.Body(k, &r)
		if !ok {
			body = []byte("<missing>")
		}
		got = append(got, string(body))
	}
	if !cmp.Equal(got, want) {
		t.Errorf("views of %+v: got %.200q, want %.200q", k, got, want)
	}
}

// wantStats waits until a store, which may write later what it is told to, has counted
// so many views and evictions.
func wantStats(t testing.TB, s Store, entries, evictions uint64) Stats {
	t.Helper()
	for give := time.Now().Add(10 * time.Second); ; runtime.Gosched() {
		got := s.Stats()
		if got.Entries == entries && got.Evictions == evictions {
			return got
		}
		if time.Now().After(give) {
			t.Fatalf("%+v, want %d entries and %d evictions", got, entries, evictions)
		}
	}
}

// testStore is what every store that stores must do.
func testStore(t *testing.T, open func(*testing.T) Store) {
	for _, tt := range slices.Concat(viewClaims(), siblingClaims(), purgeClaims()) {
		t.Run(tt.claim, func(t *testing.T) {
			s := open(t)
			defer s.Close()
			tt.test(t, s)
		})
	}
}

// A claim is what a test shows of a store that was empty.
type claim struct {
	claim string
	test  func(*testing.T, Store)
}

// viewClaims are of the views of one key.
func viewClaims() []claim {
	return []claim{
		{"an empty store misses", func(t *testing.T, s Store) {
			wantViews(t, s, aKey)
			if body, ok := s.Body(aKey, answer("x", noon)); ok {
				t.Errorf("Body = %q", body)
			}
			s.Touch(aKey, answer("x", noon))
			s.Drop(aKey, Digest{})
			wantViews(t, s, aKey)
			if got := s.Stats(); got != (Stats{}) {
				t.Errorf("Stats = %+v", got)
			}
		}},
		{"what was put comes back whole", func(t *testing.T, s Store) {
			r := answer("\x1f\x8bsqueezed", noon)
			r.Encoding, r.Opaque, r.Size = "gzip", true, 70_000
			r.Vouch(Voucher{"other", "app", noon.Add(time.Minute)})
			s.Put(aKey, r, []byte("\x1f\x8bsqueezed"))
			if diff := cmp.Diff([]Representation{*r}, s.Lookup(aKey)); diff != "" {
				t.Error(diff)
			}
			wantViews(t, s, aKey, "\x1f\x8bsqueezed")
			wantStats(t, s, 1, 0)
		}},
		{"times are kept to the millisecond", func(t *testing.T, s Store) {
			put(s, aKey, "x", noon.Add(7*time.Millisecond+999*time.Microsecond))
			got := s.Lookup(aKey)[0]
			if kept := noon.Add(7 * time.Millisecond); !got.Stored.Equal(kept) || !got.Vouchers[0].At.Equal(kept) {
				t.Errorf("stored %v, vouched %v", got.Stored, got.Vouchers[0].At)
			}
		}},
		{"a header may be absent, empty or repeated", func(t *testing.T, s Store) {
			r := answer("x", noon)
			r.Header = http.Header{"Empty": {""}, "Link": {"b", "a", "b"}, "None": {}}
			s.Put(aKey, r, []byte("x"))
			if diff := cmp.Diff(r.Header, s.Lookup(aKey)[0].Header, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
			r.Header = nil
			s.Put(aKey, r, []byte("x"))
			if h := s.Lookup(aKey)[0].Header; h == nil || len(h) > 0 {
				t.Errorf("header %v", h)
			}
		}},
		{"every field of a key counts", func(t *testing.T, s Store) {
			keys := []Key{aKey}
			for _, change := range []func(*Key){
				func(k *Key) { k.Host = "ghes.example" },
				func(k *Key) { k.Path += "x" },
				func(k *Key) { k.Query = "" },
				func(k *Key) { k.Accept = "" },
				func(k *Key) { k.Version = "" },
				func(k *Key) { k.Path, k.Query = k.Path+k.Query, "" },
				func(k *Key) { k.Version, k.Accept = "", k.Version+k.Accept },
			} {
				k := aKey
				change(&k)
				keys = append(keys, k)
			}
			for i, k := range keys {
				put(s, k, fmt.Sprint("body ", i), noon)
			}
			for i, k := range keys {
				wantViews(t, s, k, fmt.Sprint("body ", i))
			}
			if _, ok := s.Body(keys[1], answer("body 0", noon)); ok {
				t.Error("the body of one key was found under another")
			}
		}},
		{"views come most recently vouched first", func(t *testing.T, s Store) {
			put(s, aKey, "second", noon.Add(2*time.Second))
			put(s, aKey, "first", noon.Add(3*time.Second))
			put(s, aKey, "third", noon.Add(time.Second))
			wantViews(t, s, aKey, "first", "second", "third")
		}},
		{"in the same second the later written comes first", func(t *testing.T, s Store) {
			put(s, aKey, "a", noon)
			put(s, aKey, "b", noon)
			wantViews(t, s, aKey, "b", "a")
			s.Touch(aKey, answer("a", noon))
			wantViews(t, s, aKey, "a", "b")
		}},
		{"without vouchers the time of storing counts", func(t *testing.T, s Store) {
			r := answer("young", noon.Add(time.Second))
			r.Vouchers = nil
			s.Put(aKey, r, []byte("young"))
			put(s, aKey, "old", noon)
			wantViews(t, s, aKey, "young", "old")
		}},
		{"of too many views the least recently vouched goes", func(t *testing.T, s Store) {
			for i := range MaxViews {
				put(s, aKey, fmt.Sprint(i), noon.Add(time.Duration(i)*time.Second))
			}
			s.Touch(aKey, answer("0", noon.Add(time.Minute)))
			put(s, aKey, "new", noon.Add(time.Hour))
			wantViews(t, s, aKey, "new", "0", "3", "2")
			put(s, aKey, "late", noon.Add(-time.Hour)) // never the one just put
			wantViews(t, s, aKey, "new", "0", "3", "late")
			wantStats(t, s, MaxViews, 2)
		}},
		{"the same bytes put again replace the view", func(t *testing.T, s Store) {
			put(s, aKey, "same", noon)
			put(s, aKey, "other", noon)
			again := answer("same", noon.Add(time.Hour))
			again.ETag = `"new"`
			s.Put(aKey, again, []byte("same"))
			wantViews(t, s, aKey, "same", "other")
			if got := s.Lookup(aKey)[0]; got.ETag != `"new"` {
				t.Errorf("ETag %s", got.ETag)
			}
			wantStats(t, s, 2, 0)
		}},
		{"a view put in another encoding is missed under the old one", func(t *testing.T, s Store) {
			old := put(s, aKey, "plain", noon)
			now := *old
			now.Encoding = "gzip"
			s.Put(aKey, &now, []byte("zipped"))
			if body, ok := s.Body(aKey, old); ok {
				t.Errorf("Body = %q, not in the encoding asked for", body)
			}
			wantViews(t, s, aKey, "zipped")
			s.Touch(aKey, old) // a late touch knows the old encoding
			wantViews(t, s, aKey, "zipped")
		}},
		{"touch replaces what is stored about a view, not its body", func(t *testing.T, s Store) {
			r := put(s, aKey, "body", noon)
			r.Header = http.Header{"Date": {"later"}}
			r.ETag, r.Hashed, r.Opaque = `"other"`, 2, true
			r.Vouch(Voucher{"default", "second", noon.Add(time.Minute)})
			s.Touch(aKey, r)
			if diff := cmp.Diff([]Representation{*r}, s.Lookup(aKey)); diff != "" {
				t.Error(diff)
			}
			wantViews(t, s, aKey, "body")
		}},
		{"touch does not bring back what was dropped", func(t *testing.T, s Store) {
			r := put(s, aKey, "gone", noon)
			put(s, aKey, "here", noon)
			s.Drop(aKey, r.Body)
			s.Touch(aKey, r)
			wantViews(t, s, aKey, "here")
			if _, ok := s.Body(aKey, r); ok {
				t.Error("the body is still there")
			}
			wantStats(t, s, 1, 0)
		}},
		{"bodies of any size", func(t *testing.T, s Store) {
			big := bytes.Repeat([]byte("0123456789abcdef"), 64<<10) // 1 MiB
			put(s, aKey, string(big), noon)
			put(s, aKey, "", noon.Add(time.Second))
			wantViews(t, s, aKey, "", string(big))
		}},
		{"caller and store share nothing", func(t *testing.T, s Store) {
			want := answer("body", noon)
			r, body := answer("body", noon), []byte("body")
			s.Put(aKey, r, body)
			spoil := func(r *Representation) {
				r.Header["Vary"] = append(r.Header["Vary"], "spoilt")
				r.Header.Add("Content-Type", "spoilt")
				r.Header.Set("New", "spoilt")
				r.Vouchers[0].Pool = "spoilt"
				r.ETag = "spoilt"
			}
			r.Header["Vary"][0] = "spoilt"
			spoil(r)
			copy(body, "xxxx")
			got := s.Lookup(aKey)[0]
			if diff := cmp.Diff(*want, got); diff != "" {
				t.Error("after the caller changed what it put:", diff)
			}
			spoil(&got)
			if diff := cmp.Diff(*want, s.Lookup(aKey)[0]); diff != "" {
				t.Error("after the caller changed what it got:", diff)
			}
			r = answer("body", noon)
			s.Touch(aKey, r)
			r.Header["Vary"][0] = "spoilt"
			spoil(r)
			if diff := cmp.Diff(*want, s.Lookup(aKey)[0]); diff != "" {
				t.Error("after the caller changed what it touched with:", diff)
			}
			wantViews(t, s, aKey, "body")
		}},
		{"a closed store misses and stays silent", func(t *testing.T, s Store) {
			r := put(s, aKey, "x", noon)
			for range 2 {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
			s.Put(aKey, r, []byte("x"))
			s.Touch(aKey, r)
			s.Drop(aKey, r.Body)
			wantViews(t, s, aKey)
			if _, ok := s.Body(aKey, r); ok {
				t.Error("a body after Close")
			}
			wantSiblings(t, s, Key{Host: aKey.Host, Path: aKey.Path, Query: aKey.Query, Version: aKey.Version})
			if got := s.Purge(func(Key) bool { return true }); got != 0 {
				t.Errorf("purged %d views after Close", got)
			}
		}},
		{"concurrent use never mixes views", testConcurrent},
	}
}

package store

import (
	"bytes"
	"crypto/sha256"
	"strconv"
	"sync"
	"testing"
	"time"
)

// testConcurrent has many callers put, touch, drop and read a few keys, and then
// close the store under them. Whatever comes back must be its key's own.
func testConcurrent(t *testing.T, s Store) {
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := range 150 {
				k := aKey
				k.Path = "/" + strconv.Itoa((i*7+worker)%5)
				body := k.Path + " " + strconv.Itoa((i+worker)%7)
				r := put(s, k, body, noon.Add(time.Duration(i)*time.Second))
				for _, r := range s.Lookup(k) {
					got, ok := s.Body(k, &r)
					if ok && (sha256.Sum256(got) != r.Body || !bytes.HasPrefix(got, []byte(k.Path+" "))) {
						t.Errorf("%s was given the body %q", k.Path, got)
					}
					r.Vouch(Voucher{"default", strconv.Itoa(worker), noon})
					s.Touch(k, &r)
				}
				if got := len(s.Lookup(k)); got > MaxViews {
					t.Errorf("%d views", got)
				}
				if i%10 == 9 {
					s.Drop(k, r.Body)
				}
				if i == 140 && worker == 0 {
					s.Close()
				}
				s.Stats()
			}
		})
	}
	wg.Wait()
}

package ca

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// kept is the CA as it is on disk. It never changes.
type kept struct {
	current *signer
	next    *signer           // nil unless the CA is being rotated
	former  *x509.Certificate // the root that was rotated away and is still trusted; or nil
	from    time.Time         // when next signs, or current began to; zero when that is not known
}

// readKept reads the CA in dir, having completed what is due. Where a CA was ever rotated
// the lock is held.
func readKept(dir string, now time.Time) (*kept, error) {
	sweep(dir)
	var d dates
	if exists(dir, lockName) {
		if err := advance(dir, now); err != nil {
			return nil, err
		}
		var err error
		if d, err = readDates(dir); err != nil {
			return nil, err
		}
	}
	k := &kept{from: d.From}
	var err error
	if k.current, err = readStored(dir, signerFolder); err != nil {
		return nil, err
	}
	k.next, err = readStored(dir, nextFolder)
	if errors.Is(err, fs.ErrNotExist) {
		k.next, err = nil, nil
	}
	if err != nil {
		return nil, err
	}
	if exists(dir, formerFolder) {
		k.former, err = readRoot(filepath.Join(dir, formerFolder, chainName))
	}
	return k, err
}

// readRoot is the last certificate of a file.
func readRoot(file string) (*x509.Certificate, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var last *pem.Block
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		last = block
	}
	if last == nil {
		return nil, fmt.Errorf("%s holds no certificate", file)
	}
	return x509.ParseCertificate(last.Bytes)
}

// at is what signs at now.
func (k *kept) at(now time.Time) *signer {
	if k.next != nil && (dates{From: k.from}).due(now) {
		return k.next
	}
	return k.current
}

// signers are those that sign now or later.
func (k *kept) signers() []*signer {
	if k.next == nil {
		return []*signer{k.current}
	}
	return []*signer{k.current, k.next}
}

// rootsPEM is what clients must trust, the newest first.
func (k *kept) rootsPEM() []byte {
	var roots []*x509.Certificate
	if k.next != nil {
		roots = append(roots, k.next.root())
	}
	roots = append(roots, k.current.root())
	if k.former != nil {
		roots = append(roots, k.former)
	}
	return encodeChain(roots...)
}

func (k *kept) rotation() Rotation {
	if k.next == nil && k.former == nil {
		return Rotation{}
	}
	return Rotation{From: k.from, Until: k.from.Add(leafLife)}
}

// date sets when next signs, once its root is published. The lock is held.
func (k *kept) date(dir string, now time.Time) error {
	if k.next == nil || !k.from.IsZero() {
		return nil
	}
	d, err := readDates(dir)
	if err != nil {
		return err
	}
	overlap, err := time.ParseDuration(d.Overlap)
	if err != nil {
		overlap = DefaultOverlap // the file was removed
	}
	k.from = now.Add(overlap).UTC().Round(time.Second)
	if overlap == 0 {
		k.from = now
	}
	return writeDates(dir, dates{From: k.from})
}

// DefaultOverlap is long enough for whoever builds images and clusters anew once a month.
const DefaultOverlap = 30 * 24 * time.Hour

// adopt takes the signers of another that are the same, with what is kept of theirs.
func (k *kept) adopt(was *kept) {
	for _, old := range was.signers() {
		for _, mine := range []**signer{&k.current, &k.next} {
			if *mine != nil && bytes.Equal((*mine).chain[0].Raw, old.chain[0].Raw) {
				*mine = old
			}
		}
	}
	if k.from.Equal(was.from) {
		k.from = was.from
	}
	if k.former != nil && was.former != nil && k.former.Equal(was.former) {
		k.former = was.former
	}
}

// covers reports whether s may sign for all of names.
func (s *signer) covers(names []string, now time.Time) bool {
	leafKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return false
	}
	a := &Authority{leafKey: leafKey, names: names, now: func() time.Time { return now }}
	return a.tryAll(s) == nil
}

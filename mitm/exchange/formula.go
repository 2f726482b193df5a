package exchange

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"octopool/policy/pool"
	"octopool/store"
)

// A formula names the request headers that GitHub hashes into an ETag before the
// body: of Accept, Authorization and Cookie, in that order, those that the request
// carried and the answer's own Vary names (observed; see [formula.etag]).
type formula uint8

const (
	hashesAccept formula = 1 << iota
	hashesAuthorization
	hashesCookie
)

// formulaOf reads a formula from an answer's Vary lines.
func formulaOf(vary []string) formula {
	var f formula
	for _, line := range vary {
		for name := range strings.SplitSeq(line, ",") {
			switch http.CanonicalHeaderKey(strings.TrimSpace(name)) {
			case "Accept":
				f |= hashesAccept
			case "Authorization":
				f |= hashesAuthorization
			case "Cookie":
				f |= hashesCookie
			}
		}
	}
	return f
}

// etag is the opaque part of the ETag that GitHub gives a body: the hexadecimal
// SHA-256 of, for each hashed header the request carried, its value and a colon, and
// then of the body before compression. GitHub does not document it; it was found by
// others and holds for every JSON answer of public recordings since 2023, and for
// neither contents, diffs nor patches. So it is checked on every answer.
//
// A request of ours carries Accept and Authorization always and Cookie never. An
// empty authorization stands for a request without one.
func (f formula) etag(accept, authorization string, body []byte) string {
	h := f.hash(accept, authorization)
	h.Write(body)
	return sum(h)
}

// hash is the digest that is an ETag once it has been given the body.
func (f formula) hash(accept, authorization string) hash.Hash {
	h := newHash()
	if f&hashesAccept != 0 {
		io.WriteString(h, accept)
		h.Write([]byte{':'})
	}
	if f&hashesAuthorization != 0 && authorization != "" {
		io.WriteString(h, authorization)
		h.Write([]byte{':'})
	}
	return h
}

func newHash() hash.Hash { return sha256.New() }

func sum(h hash.Hash) string {
	var digest [sha256.Size]byte
	return digits(h.Sum(digest[:0]))
}

// digits are a digest's, hexadecimal.
func digits(digest []byte) string {
	var text [2 * sha256.Size]byte
	return string(text[:hex.Encode(text[:], digest)])
}

// opaqueTag is an ETag without its weakness and quotes; both are compared weakly
// (RFC 9110, section 8.8.3.2).
func opaqueTag(etag string) string {
	return strings.Trim(strings.TrimPrefix(strings.TrimSpace(etag), "W/"), `"`)
}

// formulas counts how often GitHub's answers followed the formula.
type formulas struct {
	held, failed atomic.Uint64
	warned       atomic.Bool
}

// FormulaChecks are how many answers had the ETag that the formula gives, and how
// many had another.
func (x *Exchange) FormulaChecks() (held, failed uint64) {
	return x.formulas.held.Load(), x.formulas.failed.Load()
}

// check compares an answer's ETag with the one that the formula gives, without its quotes,
// and says whether it is the same.
// Resources whose ETag is known to be something else are not counted as failures:
// the count is to tell when GitHub changes the formula.
func (x *Exchange) check(key store.Key, etag, computed string) bool {
	if opaqueTag(etag) == computed {
		x.formulas.held.Add(1)
		return true
	}
	if knownOpaque(key, etag) {
		return false
	}
	x.formulas.failed.Add(1)
	if x.formulas.warned.CompareAndSwap(false, true) {
		x.Log.Warn("an ETag does not follow the formula; such answers are revalidated only as received",
			"host", key.Host, "path", key.Path)
	}
	return false
}

// knownOpaque recognises what has never followed the formula: contents, whose ETag is
// a git object id of 40 digits, and diffs and patches.
func knownOpaque(key store.Key, etag string) bool {
	return len(opaqueTag(etag)) == 40 || strings.Contains(key.Accept, "diff") || strings.Contains(key.Accept, "patch") ||
		strings.HasSuffix(key.Path, ".diff") || strings.HasSuffix(key.Path, ".patch")
}

// validator is the ETag that GitHub would give the candidate's bytes if this request asked
// for them.
func (x *Exchange) validator(key store.Key, c *candidate, out *http.Request, lease *pool.Lease) (string, bool) {
	if c.Opaque {
		return c.ETag, true
	}
	id := validatorID{body: c.Body, identity: lease.Identity(), accept: key.Accept, hashed: formula(c.Hashed &^ marks)}
	tag, ok := x.validators.load(id)
	if !ok {
		if tag, ok = x.computed(c, out.Header.Get("Accept"), out.Header.Get("Authorization")); !ok {
			return "", false
		}
		x.validators.store(id, tag)
	}
	if strings.HasPrefix(c.ETag, "W/") {
		return `W/"` + tag + `"`, true
	}
	return `"` + tag + `"`, true
}

// computed is what the formula makes of the candidate's bytes. It is false when they are not
// to be had.
func (x *Exchange) computed(c *candidate, accept, authorization string) (string, bool) {
	body, ok := x.body(c)
	if !ok {
		return "", false
	}
	h := formula(c.Hashed).hash(accept, authorization)
	err := plain(bytes.NewReader(body), c.Encoding, func(r io.Reader) error { _, err := io.Copy(h, r); return err })
	return sum(h), err == nil
}

// validators remembers computed validators, so that a body is read and hashed once
// for a credential's token and not for every request. It holds two generations of at
// most validatorsKept each; what is used moves to the younger.
type validators struct {
	mu         sync.Mutex // guards young and old
	young, old map[validatorID]string
}

type validatorID struct {
	body     store.Digest
	identity [32]byte
	accept   string
	hashed   formula
}

const validatorsKept = 1 << 15

func (v *validators) load(id validatorID) (string, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if tag, ok := v.young[id]; ok {
		return tag, true
	}
	tag, ok := v.old[id]
	if ok {
		v.put(id, tag)
	}
	return tag, ok
}

func (v *validators) store(id validatorID, tag string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.put(id, tag)
}

func (v *validators) put(id validatorID, tag string) {
	if v.young == nil || len(v.young) >= validatorsKept {
		v.young, v.old = make(map[validatorID]string), v.young
	}
	v.young[id] = tag
}

package mitm

import (
	"bytes"
	"errors"
	"io"
	"net/http"

	"octopool/mitm/exchange"
	"octopool/policy"
	"octopool/policy/pool"
)

// batchBytes bounds what is read of an LFS batch. git-lfs sends 100 objects at a time, of
// about 100 bytes each.
const batchBytes = 1 << 20

// readBatch finds out whether an LFS batch is to upload, which only its body tells. What
// cannot be read is taken for an upload.
func readBatch(asked policy.Request, r *http.Request) (policy.Request, error) {
	if !asked.IsBatch() || r.Body == nil {
		return asked, nil
	}
	if r.ContentLength < 0 || r.ContentLength > batchBytes || r.Header.Get("Content-Encoding") != "" {
		return asked.Batch(nil), nil
	}
	held := make([]byte, r.ContentLength)
	if _, err := io.ReadFull(r.Body, held); err != nil {
		return asked, &exchange.Truncated{Err: err}
	}
	r.Body = struct {
		io.Reader
		io.Closer
	}{bytes.NewReader(held), r.Body}
	return asked.Batch(held), nil
}

// mayKnowMore reports whether a request of git's that came without a token, and was asked
// in the name of the client that stands in for such, should come again with one. git sends
// its token only after a 401; GitHub says 404 or 403 to a credential that is not enough,
// and 401 only to nobody.
func (w *record) mayKnowMore(status int) bool {
	if !w.standIn || w.asked.Kind != policy.KindGit && w.asked.Kind != policy.KindLFS {
		return false
	}
	return status == http.StatusUnauthorized || status == http.StatusForbidden || status == http.StatusNotFound
}

// orChallenge is err, or for a request that mayKnowMore and is refused by us the error that
// asks for a token.
func (w *record) orChallenge(err error) error {
	_, scope := errors.AsType[*policy.OutOfScope](err)
	_, owner := errors.AsType[*pool.NotCovered](err)
	if (scope || owner) && w.mayKnowMore(http.StatusForbidden) {
		return policy.ErrNoToken
	}
	return err
}

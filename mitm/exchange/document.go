package exchange

import (
	"io"
	"net/http"

	"octopool/policy"
)

// ReadDocument reads what a GraphQL request asks, so that a grant for it can be decided
// on: the same bytes are sent with the grant, and in has no body any more. One that is too
// long to be read stays with in, to be streamed. Its error is a *[Truncated].
func ReadDocument(asked policy.Request, in *http.Request) (policy.Request, error) {
	if asked.Kind != policy.KindGraphQL || in.ContentLength > policy.MaxDocument {
		return asked, nil
	}
	var read []byte
	if in.Body != nil && in.ContentLength != 0 {
		var err error
		if read, err = readMost(in.Body, in.ContentLength); err != nil {
			return asked, &Truncated{err}
		}
	}
	if len(read) > policy.MaxDocument {
		in.Body = rest(read, nil, in.Body)
		return asked, nil
	}
	return asked.Carrying(in.Header["Content-Type"], read), nil
}

// readMost reads a body of this length, or, where that is not known (-1), as much as tells
// whether it is too long.
func readMost(from io.Reader, length int64) ([]byte, error) {
	if length < 0 {
		return io.ReadAll(io.LimitReader(from, policy.MaxDocument+1))
	}
	held := make([]byte, length)
	_, err := io.ReadFull(from, held)
	return held, err
}

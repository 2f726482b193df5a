package exchange

import (
	"bufio"
	"bytes"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// unzippers are decoders at rest. One is larger than most bodies.
var unzippers = sync.Pool{New: func() any { return &unzipper{in: bufio.NewReaderSize(nil, 16<<10)} }}

type unzipper struct {
	gzip.Reader
	in *bufio.Reader
}

func unzip(coded io.Reader) (*unzipper, error) {
	z := unzippers.Get().(*unzipper)
	z.in.Reset(coded)
	if err := z.Reset(z.in); err != nil {
		z.rest()
		return nil, err
	}
	return z, nil
}

// rest makes the decoder available to others.
func (z *unzipper) rest() {
	z.in.Reset(nil)
	unzippers.Put(z)
}

// plain calls use with a body without its content coding.
func plain(coded io.Reader, encoding string, use func(io.Reader) error) error {
	if encoding == "" {
		return use(coded)
	}
	z, err := unzip(coded)
	if err != nil {
		return err
	}
	defer z.rest()
	return use(z)
}

// decoded is a body without its content coding. It is false when that cannot be undone,
// or gives more than most bytes.
func decoded(body []byte, encoding string, most int64) (text []byte, ok bool) {
	if encoding == "" {
		return body, true
	}
	err := plain(bytes.NewReader(body), encoding, func(r io.Reader) (err error) {
		text, err = io.ReadAll(io.LimitReader(r, most+1))
		return err
	})
	return text, err == nil && int64(len(text)) <= most
}

// unzipped decodes a body while it is read.
type unzipped struct {
	coded io.ReadCloser
	z     *unzipper
	err   error
}

func (u *unzipped) Read(p []byte) (n int, err error) {
	if u.z == nil && u.err == nil {
		u.z, u.err = unzip(u.coded)
	}
	if u.err != nil {
		return 0, u.err
	}
	n, u.err = u.z.Read(p)
	return n, u.err
}

// Close must not be called while Read is under way.
func (u *unzipped) Close() error {
	if u.z != nil {
		u.z.rest()
		u.z, u.err = nil, io.ErrClosedPipe
	}
	return u.coded.Close()
}

package exchange

import (
	"context"
	"io"
	"slices"
	"sync"
)

// A spool is a body on its way: written once, as GitHub sends it, and read by any number
// of clients, each at its own pace. A slow one slows nobody.
//
// It holds the whole body, until pass says that the whole is not wanted: from then on it
// holds what the slowest has yet to read, and the writer waits for the fastest.
type spool struct {
	mu      sync.Mutex
	changed sync.Cond // anything below
	data    []byte
	start   int64 // position of data in the body
	passing bool
	err     error // why nothing more comes; io.EOF at the end
	readers []*spoolReader
}

// spoolAhead is how far the writer runs ahead of the fastest reader while passing.
const spoolAhead = 256 << 10

// newSpool returns a spool for a body of this size; 0 when it is not known.
func newSpool(size int64) *spool {
	s := &spool{data: make([]byte, 0, size)}
	s.changed.L = &s.mu
	return s
}

// write adds to the body.
func (s *spool) write(p []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.passing && len(s.readers) > 0 && s.end()-s.fastest() > spoolAhead {
		s.changed.Wait()
	}
	if len(s.data)+len(p) > cap(s.data) {
		s.data = slices.Grow(s.data, max(len(p), len(s.data)))
	}
	s.data = append(s.data, p...)
	s.drop()
	s.changed.Broadcast()
}

// finish ends the body: with io.EOF when it is complete.
func (s *spool) finish(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
	s.changed.Broadcast()
}

// pass gives up keeping the whole. Who reads must have been opened before.
func (s *spool) pass() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.passing = true
	s.drop()
}

// body is the whole body, if it has come and was kept. It must not be modified.
func (s *spool) body() ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.data, s.err == io.EOF && s.start == 0
}

// end, fastest and drop are called with mu held.

func (s *spool) end() int64 { return s.start + int64(len(s.data)) }

func (s *spool) fastest() int64 {
	var at int64
	for _, r := range s.readers {
		at = max(at, r.at)
	}
	return at
}

// drop forgets what everybody has read, when that is worth the moving of the rest.
func (s *spool) drop() {
	if !s.passing {
		return
	}
	slowest := s.end()
	for _, r := range s.readers {
		slowest = min(slowest, r.at)
	}
	if read := int(slowest - s.start); read > len(s.data)/2 {
		s.data = s.data[:copy(s.data, s.data[read:])]
		s.start = slowest
	}
}

// A spoolReader reads a body from its beginning.
type spoolReader struct {
	spool *spool
	at    int64
	gone  error // why it reads no more
	stop  func() bool
	left  func()
}

// open returns a reader. Its Read fails when ctx is done; its Close calls left.
func (s *spool) open(ctx context.Context, left func()) *spoolReader {
	r := &spoolReader{spool: s, left: left}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readers = append(s.readers, r)
	r.stop = context.AfterFunc(ctx, func() { r.leave(ctx.Err()) })
	return r
}

func (r *spoolReader) Read(p []byte) (int, error) {
	s := r.spool
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if r.gone != nil {
			return 0, r.gone
		}
		if r.at < s.end() {
			n := copy(p, s.data[r.at-s.start:])
			r.at += int64(n)
			s.drop()
			s.changed.Broadcast()
			return n, nil
		}
		if s.err != nil {
			return 0, s.err
		}
		s.changed.Wait()
	}
}

func (r *spoolReader) Close() error {
	r.stop()
	r.leave(io.ErrClosedPipe)
	r.left()
	return nil
}

func (r *spoolReader) leave(why error) {
	s := r.spool
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.gone == nil {
		r.gone = why
	}
	s.readers = slices.DeleteFunc(s.readers, func(other *spoolReader) bool { return other == r })
	s.drop()
	s.changed.Broadcast()
}

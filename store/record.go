package store

import (
	"encoding/binary"
	"errors"
	"net/http"
	"time"

	"github.com/cespare/xxhash/v2"
)

// A record is what a store writes down about one view. It carries the fields of
// its key, so that a record found under a colliding or foreign key is seen to be
// another's.
//
// Encoded, it is
//
//	version   1 byte
//	checksum  8 bytes, little endian, xxHash64 of all that follows
//	payload   key fields, ETag, flags, Hashed, Encoding, Size, Body, Stored,
//	          written, length, vouchers, headers
//
// with strings and lists preceded by their length as a uvarint, times as varint
// milliseconds since 1970 and nothing after the last header. A body is stored apart:
//
//	version   1 byte
//	checksum  8 bytes, as above
//	digest    32 bytes, Representation.Body
//	encoding  string
//	bytes     the rest
//
// A change of either layout takes a new version; records of another version are
// missed without a word.
type record struct {
	key     Key
	rep     Representation
	written time.Time // when the body was last written
	length  int64     // of the body as stored
}

const (
	recordVersion = 2
	recordHead    = 1 + 8
	flagOpaque    = 1
)

var (
	errVersion = errors.New("record of another version")
	errDamaged = errors.New("damaged record")
	errForeign = errors.New("record of another key")
)

// append appends the encoded record to dst.
func (rec *record) append(dst []byte) []byte {
	r := &rec.rep
	start := len(dst)
	dst = append(dst, recordVersion, 0, 0, 0, 0, 0, 0, 0, 0)
	for _, s := range [...]string{rec.key.Host, rec.key.Path, rec.key.Query, rec.key.Accept, rec.key.Version, r.ETag} {
		dst = appendString(dst, s)
	}
	var flags byte
	if r.Opaque {
		flags |= flagOpaque
	}
	dst = append(dst, flags, r.Hashed)
	dst = appendString(dst, r.Encoding)
	dst = binary.AppendUvarint(dst, uint64(r.Size))
	dst = append(dst, r.Body[:]...)
	dst = binary.AppendVarint(dst, r.Stored.UnixMilli())
	dst = binary.AppendVarint(dst, rec.written.UnixMilli())
	dst = binary.AppendUvarint(dst, uint64(rec.length))

	vouchers := r.Vouchers[:min(len(r.Vouchers), MaxVouchers)]
	dst = binary.AppendUvarint(dst, uint64(len(vouchers)))
	for _, v := range vouchers {
		dst = appendString(dst, v.Pool)
		dst = appendString(dst, v.Credential)
		dst = binary.AppendVarint(dst, v.At.UnixMilli())
	}

	values := 0
	for _, vs := range r.Header {
		values += len(vs)
	}
	dst = binary.AppendUvarint(dst, uint64(len(r.Header)))
	dst = binary.AppendUvarint(dst, uint64(values))
	for name, vs := range r.Header {
		dst = appendString(dst, name)
		dst = binary.AppendUvarint(dst, uint64(len(vs)))
		for _, v := range vs {
			dst = appendString(dst, v)
		}
	}
	seal(dst[start:])
	return dst
}

// decode reads what append wrote. Its errors are errVersion and errDamaged;
// after one, rec is not to be used. It keeps nothing of b and allocates at most
// in proportion to it, whatever b holds.
func (rec *record) decode(b []byte) error {
	if err := unseal(b); err != nil {
		return err
	}
	// One string holds all text of the record; everything below is a part of it.
	p := parser{bytes: b[recordHead:], text: string(b[recordHead:])}
	rec.key = Key{Host: p.string(), Path: p.string(), Query: p.string(), Accept: p.string(), Version: p.string()}

	r := &rec.rep
	r.ETag = p.string()
	flags := p.byte()
	r.Opaque = flags&flagOpaque != 0
	r.Hashed = p.byte()
	r.Encoding = p.string()
	r.Size = int64(p.uvarint())
	copy(r.Body[:], p.take(len(r.Body)))
	r.Stored = p.time()
	rec.written = p.time()
	rec.length = int64(p.uvarint())

	r.Vouchers = nil
	if n := p.count(3); n > MaxVouchers {
		return errDamaged
	} else if n > 0 {
		r.Vouchers = make([]Voucher, n)
	}
	for i := range r.Vouchers {
		r.Vouchers[i] = Voucher{Pool: p.string(), Credential: p.string(), At: p.time()}
	}

	names := p.count(2)
	values := make([]string, 0, p.count(1)) // one array for all headers
	r.Header = make(http.Header, names)
	for range names {
		name := p.string()
		n := p.count(1)
		if n > cap(values)-len(values) {
			return errDamaged
		}
		first := len(values)
		for range n {
			values = append(values, p.string())
		}
		r.Header[name] = values[first:len(values):len(values)]
	}
	if p.bad || p.at != len(p.bytes) || len(r.Header) != names || len(values) != cap(values) || flags&^flagOpaque != 0 {
		return errDamaged
	}
	return nil
}

// appendBody appends the encoded body of the view d to dst.
func appendBody(dst []byte, d Digest, encoding string, body []byte) []byte {
	start := len(dst)
	dst = append(dst, recordVersion, 0, 0, 0, 0, 0, 0, 0, 0)
	dst = append(dst, d[:]...)
	dst = appendString(dst, encoding)
	dst = append(dst, body...)
	seal(dst[start:])
	return dst
}

// decodeBody returns the part of b that is the body of the view d in encoding.
// errForeign means that b is sound but something else.
func decodeBody(b []byte, d Digest, encoding string) ([]byte, error) {
	if err := unseal(b); err != nil {
		return nil, err
	}
	p := parser{bytes: b[recordHead:]}
	got, n := p.take(len(d)), p.count(1)
	gotEncoding := p.take(n)
	if p.bad {
		return nil, errDamaged
	}
	if string(got) != string(d[:]) || string(gotEncoding) != encoding {
		return nil, errForeign
	}
	return p.bytes[p.at:], nil
}

// seal writes the checksum into a record that has room for it.
func seal(rec []byte) {
	binary.LittleEndian.PutUint64(rec[1:recordHead], xxhash.Sum64(rec[recordHead:]))
}

// unseal checks version and checksum.
func unseal(rec []byte) error {
	if len(rec) > 0 && rec[0] != recordVersion {
		return errVersion
	}
	if len(rec) < recordHead || binary.LittleEndian.Uint64(rec[1:recordHead]) != xxhash.Sum64(rec[recordHead:]) {
		return errDamaged
	}
	return nil
}

func appendString(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// A parser reads a payload. After the first thing it cannot read it is bad, and
// returns zeros from then on.
type parser struct {
	bytes []byte
	text  string // the same bytes, for string
	at    int
	bad   bool
}

func (p *parser) uvarint() uint64 {
	n, size := binary.Uvarint(p.bytes[p.at:])
	if size <= 0 {
		p.fail()
		return 0
	}
	p.at += size
	return n
}

func (p *parser) time() time.Time {
	n, size := binary.Varint(p.bytes[p.at:])
	if size <= 0 {
		p.fail()
		return time.Time{}
	}
	p.at += size
	return time.UnixMilli(n).UTC()
}

// count reads the length of a list whose items take at least size bytes each,
// so that no list is believed to be longer than what is left to read.
func (p *parser) count(size int) int {
	n := p.uvarint()
	if n > uint64((len(p.bytes)-p.at)/size) {
		p.fail()
		return 0
	}
	return int(n)
}

func (p *parser) take(n int) []byte {
	if n > len(p.bytes)-p.at {
		p.fail()
		return nil
	}
	p.at += n
	return p.bytes[p.at-n : p.at]
}

func (p *parser) byte() byte {
	if b := p.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (p *parser) string() string {
	n := p.count(1)
	p.at += n
	return p.text[p.at-n : p.at]
}

func (p *parser) fail() {
	p.bad = true
	p.at = len(p.bytes)
}

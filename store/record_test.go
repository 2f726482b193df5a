package store

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// realistic is the record of a page of issues as GitHub answers it, less what
// belongs to the credential.
func realistic() *record {
	h := http.Header{}
	for line := range strings.Lines(`Access-Control-Allow-Origin: *
Access-Control-Expose-Headers: ETag, Link, Location, Retry-After, X-GitHub-OTP, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Used, X-RateLimit-Resource, X-RateLimit-Reset, X-OAuth-Scopes, X-Accepted-OAuth-Scopes, X-Poll-Interval, X-GitHub-Media-Type, X-GitHub-SSO, X-GitHub-Request-Id, Deprecation, Sunset
Cache-Control: private, max-age=60, s-maxage=60
Content-Encoding: gzip
Content-Security-Policy: default-src 'none'
Content-Type: application/json; charset=utf-8
Date: Sun, 01 Mar 2026 12:00:00 GMT
Etag: W/"96ebd0bbf1a4d2da3e5bb1b9ff1a5d6b3a2bbd5a0e7fb6b0b0e4fb4d98f2d3a1"
Last-Modified: Sat, 28 Feb 2026 23:11:09 GMT
Link: <https://api.github.com/repositories/1296269/issues?page=3>; rel="next", <https://api.github.com/repositories/1296269/issues?page=14>; rel="last", <https://api.github.com/repositories/1296269/issues?page=1>; rel="first", <https://api.github.com/repositories/1296269/issues?page=1>; rel="prev"
Referrer-Policy: origin-when-cross-origin, strict-origin-when-cross-origin
Server: github.com
Status: 200 OK
Strict-Transport-Security: max-age=31536000; includeSubdomains; preload
Vary: Accept, Authorization, Cookie, X-GitHub-OTP
Vary: Accept-Encoding, Accept, X-Requested-With
X-Accepted-Github-Permissions: issues=read
X-Content-Type-Options: nosniff
X-Frame-Options: deny
X-Github-Api-Version-Selected: 2022-11-28
X-Github-Media-Type: github.v3; format=json
X-Github-Request-Id: C0DE:3F2A1:19B2C3D:1A2B3C4:67C2F0A0
X-Poll-Interval: 60
X-Runtime-Rack: 0.081266
X-Xss-Protection: 0
`) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		h.Add(name, value)
	}
	rec := &record{key: aKey, rep: *answer("body", noon), written: noon.Add(-time.Hour), length: 4711}
	rec.rep.Header, rec.rep.ETag, rec.rep.Encoding = h, h.Get("ETag"), "gzip"
	rec.rep.Vouch(Voucher{"default", "acme-app", noon})
	return rec
}

func TestRecordRoundTrip(t *testing.T) {
	want := realistic()
	var got record
	if err := got.decode(want.append(nil)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, &got, cmp.AllowUnexported(record{})); diff != "" {
		t.Error(diff)
	}
	got.rep.Header["Vary"] = append(got.rep.Header["Vary"], "more") // must not run into its neighbour
	got.rep.Header["Vary"] = nil
	want.rep.Header["Vary"] = nil
	if diff := cmp.Diff(want, &got, cmp.AllowUnexported(record{})); diff != "" {
		t.Error(diff)
	}
}

// Whichever byte is changed and wherever it is cut off, a record is not read.
func TestDamagedRecordIsRefused(t *testing.T) {
	meta := realistic().append(nil)
	digest := Digest(sha256.Sum256([]byte("body")))
	body := appendBody(nil, digest, "gzip", []byte("body"))
	for name, tt := range map[string]struct {
		sound  []byte
		decode func([]byte) error
	}{
		"record": {meta, func(b []byte) error { return new(record).decode(b) }},
		"body": {body, func(b []byte) error {
			_, err := decodeBody(b, digest, "gzip")
			return err
		}},
	} {
		if err := tt.decode(tt.sound); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for i := range tt.sound {
			if err := tt.decode(tt.sound[:i]); !errors.Is(err, errDamaged) {
				t.Errorf("%s cut off at %d: %v", name, i, err)
			}
			bad := bytes.Clone(tt.sound)
			bad[i] ^= 0x20
			want := errDamaged
			if i == 0 {
				want = errVersion
			}
			if err := tt.decode(bad); !errors.Is(err, want) {
				t.Errorf("%s with byte %d changed: %v", name, i, err)
			}
		}
		longer := append(bytes.Clone(tt.sound), 0)
		if err := tt.decode(longer); !errors.Is(err, errDamaged) {
			t.Errorf("%s with a byte more: %v", name, err)
		}
	}
}

func TestBodyIsRefusedUnderAnotherName(t *testing.T) {
	digest := Digest(sha256.Sum256([]byte("body")))
	stored := appendBody(nil, digest, "gzip", []byte("body"))
	if _, err := decodeBody(stored, Digest{}, "gzip"); !errors.Is(err, errForeign) {
		t.Errorf("another digest: %v", err)
	}
	if _, err := decodeBody(stored, digest, ""); !errors.Is(err, errForeign) {
		t.Errorf("another encoding: %v", err)
	}
}

// FuzzDecodeRecord takes payloads as they are, and with the head that makes the
// decoder look at them. What it accepts must mean the same when written again.
func FuzzDecodeRecord(f *testing.F) {
	f.Add(realistic().append(nil))
	f.Add(realistic().append(nil)[recordHead:])
	f.Add((&record{}).append(nil)[recordHead:])
	f.Add([]byte("\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var rec record
		_ = rec.decode(b)
		sealed := append(make([]byte, recordHead), b...)
		sealed[0] = recordVersion
		seal(sealed)
		if rec.decode(sealed) != nil {
			return
		}
		var again record
		if err := again.decode(rec.append(nil)); err != nil {
			t.Fatalf("an accepted record was refused when written again: %v", err)
		}
		if diff := cmp.Diff(rec, again, cmp.AllowUnexported(record{}), cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzDecodeBody(f *testing.F) {
	f.Add(appendBody(nil, Digest{1}, "gzip", []byte("body"))[recordHead:], "gzip")
	f.Add([]byte("\x00"), "")
	f.Fuzz(func(t *testing.T, b []byte, encoding string) {
		sealed := append(make([]byte, recordHead), b...)
		sealed[0] = recordVersion
		seal(sealed)
		var digest Digest
		copy(digest[:], b)
		body, err := decodeBody(sealed, digest, encoding)
		if err != nil {
			return
		}
		if body2, err := decodeBody(appendBody(nil, digest, encoding, body), digest, encoding); err != nil || !bytes.Equal(body, body2) {
			t.Fatalf("written again: %q, %v", body2, err)
		}
	})
}

func BenchmarkRecordDecode(b *testing.B) {
	encoded := realistic().append(nil)
	b.ReportAllocs()
	var rec record
	for b.Loop() {
		if err := rec.decode(encoded); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(encoded)), "bytes/record")
}

func BenchmarkRecordEncode(b *testing.B) {
	rec := realistic()
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = rec.append(buf[:0])
	}
}

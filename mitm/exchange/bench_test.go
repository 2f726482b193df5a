package exchange

import (
	"bytes"
	"compress/gzip"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"testing"
	"time"

	"octopool/policy"
	"octopool/policy/pool"
	"octopool/store"
)

// answering is a GitHub that costs next to nothing: it gives one body under one ETag,
// with the headers of a real answer.
type answering struct {
	body   []byte
	header http.Header
	tag    string // of the first request's Authorization
}

func newAnswering(size int) *answering {
	a := &answering{body: bytes.Repeat([]byte(`{"id":1,"name":"octo"},`), size/23), header: http.Header{}}
	reset := strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10)
	for name, value := range map[string]string{
		"Content-Type": "application/json; charset=utf-8", "Cache-Control": "private, max-age=60, s-maxage=60",
		"Date": "Mon, 23 Nov 2026 12:00:00 GMT", "X-Github-Request-Id": "AB12:3C4D:5E6F:7A8B:9C0D", "X-Github-Media-Type": "github.v3; format=json",
		"Access-Control-Allow-Origin": "*", "Strict-Transport-Security": "max-age=31536000; includeSubdomains; preload",
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "origin-when-cross-origin, strict-origin-when-cross-origin",
		"X-Ratelimit-Limit": "5000", "X-Ratelimit-Remaining": "4900", "X-Ratelimit-Used": "100", "X-Ratelimit-Reset": reset, "X-Ratelimit-Resource": "core",
	} {
		a.header.Set(name, value)
	}
	a.header["Vary"] = []string{"Accept, Authorization, Cookie, X-GitHub-OTP", "Accept-Encoding, Accept, X-Requested-With"}
	return a
}

func (a *answering) RoundTrip(r *http.Request) (*http.Response, error) {
	h := a.header.Clone()
	if r.Header.Get("If-None-Match") != "" {
		return &http.Response{StatusCode: http.StatusNotModified, Header: h, Body: http.NoBody}, nil
	}
	if a.tag == "" {
		a.tag = formulaOf(h["Vary"]).etag(r.Header.Get("Accept"), r.Header.Get("Authorization"), a.body)
	}
	h.Set("Etag", `"`+a.tag+`"`)
	return &http.Response{StatusCode: http.StatusOK, Header: h, ContentLength: int64(len(a.body)), Body: io.NopCloser(bytes.NewReader(a.body))}, nil
}

// measure times one client's GET through an exchange. The yardstick, in the same run, is
// the same request handed to the same GitHub without one.
func measure(b *testing.B, size int, fresh time.Duration) {
	s, err := store.OpenBadger(b.TempDir(), store.BadgerOptions{TTL: time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	p, err := policy.New(policy.Rules{Clients: []policy.Registration{{Name: "ci", Token: policy.DigestOf(ci)}}})
	if err != nil {
		b.Fatal(err)
	}
	pools, err := pool.New(pool.Config{Credentials: []pool.Credential{{Name: "bot", GitHub: "github.com", Pool: "default", Token: policy.NewSecret("ghp_bot")}}})
	if err != nil {
		b.Fatal(err)
	}
	github := newAnswering(size)
	x := New(Config{Store: s, Pools: pools, Upstream: github, Log: slog.New(slog.DiscardHandler), Tuning: Tuning{FreshFor: fresh}})
	x.began = x.began.Add(-time.Minute) // or nothing is fresh in the first second
	in := request(b, http.MethodGet, issue, "", "Accept", "application/vnd.github+json", "Authorization", "token "+ci)
	g := grant(b, p, ci, in)
	ask := func() Outcome {
		a, err := x.Do(b.Context(), g, in)
		if err != nil {
			b.Fatal(err)
		}
		io.Copy(io.Discard, a.Body)
		a.Body.Close()
		return a.Outcome
	}
	ask()
	x.Wait() // it is stored
	start := time.Now()
	const rounds = 2000
	for range rounds {
		resp, err := github.RoundTrip(in)
		if err != nil {
			b.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
	}
	bare := time.Since(start).Seconds() / rounds
	b.ReportAllocs()
	var outcome Outcome
	for b.Loop() {
		outcome = ask()
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)/bare, "×bare")
	if want := map[bool]Outcome{true: Hit, false: Revalidated}[fresh > 0]; outcome != want {
		b.Fatalf("outcome %s, want %s", outcome, want)
	}
}

func BenchmarkRevalidated(b *testing.B) {
	for _, size := range []int{16 << 10, 200 << 10} {
		b.Run(strconv.Itoa(size>>10)+"KB", func(b *testing.B) { measure(b, size, 0) })
	}
}

func BenchmarkFreshHit(b *testing.B) {
	for _, size := range []int{16 << 10, 200 << 10} {
		b.Run(strconv.Itoa(size>>10)+"KB", func(b *testing.B) { measure(b, size, time.Hour) })
	}
}

// A body that is stored as GitHub zipped it is hashed for a new token: once an hour for each
// representation that is read.
func BenchmarkValidator(b *testing.B) {
	for _, size := range []int{16 << 10, 200 << 10} {
		for _, encoding := range []string{"", "gzip"} {
			b.Run(strconv.Itoa(size>>10)+"KB"+encoding, func(b *testing.B) {
				x := New(Config{Store: store.NewMemory(0)})
				body := newAnswering(size).body
				if encoding != "" {
					var zipped bytes.Buffer
					z := gzip.NewWriter(&zipped)
					z.Write(body)
					z.Close()
					body = zipped.Bytes()
				}
				c := candidate{why: stale, key: store.Key{Path: issue}}
				c.Encoding, c.Hashed = encoding, uint8(hashesAccept|hashesAuthorization)
				x.Store.Put(c.key, &c.Representation, body)
				b.ReportAllocs()
				for b.Loop() {
					if _, ok := x.computed(&c, githubJSON, "Bearer ghp_bot"); !ok {
						b.Fatal("none")
					}
				}
			})
		}
	}
}

package mitm_test

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"octopool/mitm"
)

// benchBody is as long as a repository's JSON, about 5 KB.
func benchBody() string {
	return `{"description":"` + strings.Repeat("Lorem ipsum dolor. ", 263) + `"}`
}

// unchanged answers as GitHub does for something that does not change, and costs as
// little as an answer can.
func unchanged(conditional *atomic.Int64) http.HandlerFunc {
	body := benchBody()
	etag := fmt.Sprintf(`"%x"`, sha256.Sum256([]byte("*/*:Bearer ghp_bot:"+body)))
	return func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Etag", etag)
		h.Set("Vary", "Accept, Authorization, Cookie, X-GitHub-OTP")
		h.Set("Content-Type", "application/json; charset=utf-8")
		h.Set("X-Ratelimit-Limit", "5000")
		h.Set("X-Ratelimit-Remaining", "4999")
		h.Set("X-Ratelimit-Used", "1")
		h.Set("X-Ratelimit-Reset", "4000000000")
		h.Set("X-Ratelimit-Resource", "core")
		if r.Header.Get("If-None-Match") == etag {
			conditional.Add(1)
			w.WriteHeader(http.StatusNotModified)
			return
		}
		io.WriteString(w, body)
	}
}

// yardstick asks a TLS server that has one answer, without a proxy.
func yardstick(b *testing.B, options ...func(*http.Transport)) func() {
	body := benchBody()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		io.WriteString(w, body)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	b.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true, DisableCompression: true}
	for _, o := range options {
		o(transport)
	}
	b.Cleanup(transport.CloseIdleConnections)
	return asking(b, &http.Client{Transport: withToken{transport, ciToken}}, server.URL+"/repos/acme/web")
}

// asking returns what asks once, and is content with the right answer only.
func asking(b *testing.B, c *http.Client, url string) func() {
	want := int64(len(benchBody()))
	return func() {
		resp, err := c.Get(url)
		if err != nil {
			b.Fatal(err)
		}
		n, err := io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if err != nil || n != want || resp.StatusCode != http.StatusOK {
			b.Fatalf("%d with %d bytes, %v", resp.StatusCode, n, err)
		}
	}
}

// besides measures ask, and the yardstick in turns with it so that both meet the same
// machine: direct-ns/op is the yardstick's time, x-direct how many times as long ask took.
func besides(b *testing.B, ask, direct func()) {
	const turn = 50
	ask()
	direct()
	var took time.Duration
	var times int
	for i := 0; b.Loop(); i++ {
		if i%turn == 0 {
			b.StopTimer()
			start := time.Now()
			for range turn {
				direct()
			}
			took += time.Since(start)
			times += turn
			b.StartTimer()
		}
		ask()
	}
	each := float64(took.Nanoseconds()) / float64(times)
	b.ReportMetric(each, "direct-ns/op")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/each, "x-direct")
}

func bench(b *testing.B, fresh time.Duration) {
	for _, version := range []struct {
		name    string
		options []func(*http.Transport)
	}{{"h2", nil}, {"h1", []func(*http.Transport){overHTTP1}}} {
		b.Run(version.name, func(b *testing.B) {
			var conditional atomic.Int64
			s := start(b, fixed(b, "HTTP/2.0", unchanged(&conditional)), withConfig(func(c *mitm.Config) {
				c.FreshFor = fresh
				c.Log = slog.New(slog.NewJSONHandler(io.Discard, nil)) // a log line is part of each request
			}))
			ask := asking(b, s.client(ciToken, version.options...), "https://api.github.com/repos/acme/web")
			ask()
			for before := int64(-1); fresh > 0 && before != conditional.Swap(0); { // nothing is fresh in the first second
				before = 0
				ask()
			}
			besides(b, ask, yardstick(b, version.options...))
			if asked := conditional.Load(); (asked > 0) != (fresh == 0) {
				b.Errorf("GitHub was asked %d times", asked)
			}
		})
	}
}

// A GET that GitHub vouches for with a 304: client, TLS, proxy, TLS, GitHub and back.
func BenchmarkRevalidatedGET(b *testing.B) { bench(b, 0) }

// A GET that is answered without asking GitHub, as under fresh_for.
func BenchmarkFreshHit(b *testing.B) { bench(b, time.Hour) }

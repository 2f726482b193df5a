package githubtest

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// What an answer's ETag is made from. Only JSON follows the formula; the
// exceptions are those seen in recordings.
type tagging int

const (
	tagNone    tagging = iota // search, GraphQL, redirects, errors
	tagFormula                // JSON
	tagGit                    // contents: the git object id, whatever the credential or media type
	tagOpaque                 // .diff, .patch, and everything under OpaqueETags
)

// The two Vary lines of the API (observed). The first names what the ETag was
// made from: an anonymous answer names Accept alone.
const (
	varyViewer    = "Accept, Authorization, Cookie, X-GitHub-OTP"
	varyAnonymous = "Accept"
	varySecond    = "Accept-Encoding, Accept, X-Requested-With"
)

// OpaqueETags makes every ETag stop following the formula, as GitHub may any
// day: they become digests that nobody can compute from outside, still
// different for every Accept, Authorization and body.
func (s *Server) OpaqueETags(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opaque = on
}

// formula is the observed ETag: the hex SHA-256 of, for each of Accept,
// Authorization and Cookie that the request carried and vary names, its value and a
// colon, and then the plain body. An absent header differs from an empty one.
func formula(header http.Header, vary string, body []byte) string {
	hash := sha256.New()
	for _, name := range []string{"Accept", "Authorization", "Cookie"} {
		values, sent := header[name]
		if !sent || !strings.Contains(vary, name) {
			continue
		}
		separator := ", "
		if name == "Cookie" {
			separator = "; "
		}
		hash.Write([]byte(strings.Join(values, separator) + ":"))
	}
	hash.Write(body)
	return hex.EncodeToString(hash.Sum(nil))
}

// tag is the opaque part of an answer's ETag, without quotes or W/. The caller holds s.mu.
func (s *Server) tag(r *http.Request, a *answer, vary string) string {
	switch {
	case a.tagging == tagNone:
		return ""
	case a.tagging == tagGit:
		return a.gitID
	case a.tagging == tagOpaque || s.opaque:
		return formula(r.Header, vary, append([]byte("opaque\x00"), a.body...))
	}
	return formula(r.Header, vary, a.body)
}

// notModified reports whether the request's conditions say that it has this
// answer already. If-None-Match is compared weakly and wins over
// If-Modified-Since (RFC 9110 section 13.2.2). The latter knows only the date,
// so it can be wrong: that is observed too.
func (s *Server) notModified(r *http.Request, tag string, modified time.Time) bool {
	if values, sent := r.Header["If-None-Match"]; sent {
		return tag != "" && s.matches(strings.Join(values, ", "), tag)
	}
	if since, err := http.ParseTime(r.Header.Get("If-Modified-Since")); err == nil && !modified.IsZero() {
		return !modified.Truncate(time.Second).After(since)
	}
	return false
}

func (s *Server) matches(condition, tag string) bool {
	candidates := []string{condition}
	if s.lists {
		candidates = strings.Split(condition, ",")
	}
	for _, candidate := range candidates {
		if strings.TrimPrefix(strings.TrimSpace(candidate), "W/") == `"`+tag+`"` {
			return true
		}
	}
	return false
}

// prettyAgents are sent indented JSON, which is done after the ETag was made (observed).
var prettyAgents = regexp.MustCompile(`curl|Wget|Safari|Firefox`)

func pretty(body []byte) []byte {
	var b bytes.Buffer
	if json.Indent(&b, body, "", "  ") != nil {
		return body
	}
	b.WriteByte('\n')
	return b.Bytes()
}

func gzipped(body []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(body)
	w.Close()
	return b.Bytes()
}

// acceptsGzip reads Accept-Encoding: gzip must be named and not be refused with
// a quality of zero (RFC 9110 section 12.5.3).
func acceptsGzip(header http.Header) bool {
	for _, value := range header["Accept-Encoding"] {
		for coding := range strings.SplitSeq(value, ",") {
			name, parameter, _ := strings.Cut(coding, ";")
			if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
				continue
			}
			quality, found := strings.CutPrefix(strings.TrimSpace(parameter), "q=")
			if q, err := strconv.ParseFloat(quality, 64); found && err == nil && q == 0 {
				return false
			}
			return true
		}
	}
	return false
}

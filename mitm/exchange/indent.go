package exchange

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strconv"

	"github.com/klauspost/compress/gzip"
)

// readers are the clients whose JSON GitHub indents, for people to read (observed). Scripts go by
// it: grep a line, cut a field. Since GitHub is asked under octopool's own name (see key.go),
// octopool does it; like GitHub after the validator was made, which is of the bytes before.
var readers = regexp.MustCompile(`curl|Wget|Safari|Firefox`)

// indents reports whether a client is sent an answer's JSON indented, which GitHub has done itself
// where the client's request was forwarded.
func (a *Answer) indents(in *http.Request) bool {
	return a.Outcome != Forwarded && a.Body != http.NoBody && isJSON(a.Header) && readers.MatchString(in.UserAgent())
}

// indent puts an answer's JSON on lines, in the content coding that it has. What has more than
// most bytes, breaks off or is no JSON after all stays as it is.
func (a *Answer) indent(most int64) {
	begin, err := io.ReadAll(io.LimitReader(a.Body, most+1))
	text, ok := decoded(begin, a.encoding, most)
	var lines bytes.Buffer
	if err != nil || int64(len(begin)) > most || !ok || json.Indent(&lines, text, "", "  ") != nil {
		a.body = nil
		a.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(begin), a.Body), a.Body} // an error comes again where it came
		return
	}
	lines.WriteByte('\n')
	a.Body.Close()
	if a.encoding == "" {
		a.hold(lines.Bytes())
	} else {
		a.hold(zipped(lines.Bytes()))
	}
	a.Header.Set("Content-Length", strconv.Itoa(len(a.body)))
}

// zipped is a text in gzip.
func zipped(text []byte) []byte {
	var coded bytes.Buffer
	z := gzip.NewWriter(&coded)
	z.Write(text) // a buffer takes all
	z.Close()
	return coded.Bytes()
}

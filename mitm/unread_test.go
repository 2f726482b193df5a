package mitm_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
)

// A body that is refused unread is not taken for the requests that come next, whatever it
// looks like: the connection ends with the answer.
func TestARefusedBodyIsNoRequest(t *testing.T) {
	s := start(t, withScopes("read /repos/acme/web/**", "graphql:query"))
	const inside = "GET /repos/acme/web HTTP/1.1\r\nHost: api.github.com\r\nAuthorization: token " + ciToken + "\r\n\r\n"
	body := strings.Repeat(inside, 2<<20/len(inside))
	for _, line := range []string{"POST /repos/acme/web/issues", "POST /graphql"} {
		w := s.secure(t, "api.github.com")
		w.say(fmt.Sprintf("%s HTTP/1.1\nHost: api.github.com\nAuthorization: token %s\nContent-Length: %d\n\n", line, ciToken, len(body)))
		go io.WriteString(w, body) // fails when the connection ends
		if got := w.hear("POST"); got.status != 403 {
			t.Errorf("%s: %s", line, got.text())
		}
		if more, _ := io.ReadAll(w.in); len(more) > 0 { // the end may be an abrupt one
			t.Errorf("%s: and then %.60q", line, more)
		}
	}
	if seen := s.github.Seen(); len(seen) > 0 {
		t.Errorf("GitHub saw %v", seen)
	}
}

package installation

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"
	"unicode"
)

// A Cause is why GitHub said no, as far as somebody can do something about it.
type Cause string

// The causes.
const (
	Suspended   Cause = "suspended"    // its owner, or GitHub, has suspended the installation
	Uninstalled Cause = "uninstalled"  // the App has no such installation, or no longer
	UnknownApp  Cause = "unknown app"  // there is no App of this id
	BadKey      Cause = "bad key"      // the key is none of the App's
	WrongClock  Cause = "wrong clock"  // this machine's clock is too far from GitHub's
	NotGranted  Cause = "not granted"  // the installation has less than the token was to be limited to
	Limited     Cause = "rate limited" // a primary or secondary rate limit
	Other       Cause = "other"        // none of these; with a Status of 500 or more it may pass by itself
)

// Refused is GitHub's no.
type Refused struct {
	Status int         // of GitHub's answer
	Cause  Cause       // as far as the answer tells
	Reason string      // GitHub's own words: one printable line without anything like a token, or ""
	Header http.Header // when to ask again, as GitHub said it: Retry-After and X-RateLimit-*, no others

	// Ahead is how far this machine's clock is ahead of GitHub's: less than zero when it
	// is behind, and 0 when GitHub's is not known.
	Ahead time.Duration
}

// Error says what is wrong in one sentence, for the one who can mend it.
func (r *Refused) Error() string {
	said := fmt.Sprintf("GitHub answered %d", r.Status)
	if r.Reason != "" {
		said += ": " + r.Reason
	}
	if why := r.why(); why != "" {
		return why + " (" + said + ")"
	}
	return said
}

func (r *Refused) why() string {
	switch r.Cause {
	case Suspended:
		return "the installation is suspended"
	case Uninstalled:
		return "the App has no such installation: it was uninstalled, or is another App's"
	case UnknownApp:
		return "GitHub knows no App by this client_id or app_id"
	case BadKey:
		return "the private key is not one of this App's, or app_id is another App's"
	case WrongClock:
		return r.clock()
	case NotGranted:
		return "the installation does not cover what the token was to be limited to"
	case Limited:
		return "GitHub limits how often this App may ask"
	}
	return ""
}

func (r *Refused) clock() string {
	side, off := "ahead of", r.Ahead
	if off < 0 {
		side, off = "behind", -off
	}
	off = off.Round(time.Minute)
	if off == 0 {
		return "GitHub does not accept the time of this machine's clock"
	}
	return fmt.Sprintf("this machine's clock is %s %s GitHub's", strings.TrimSuffix(off.String(), "0s"), side)
}

// refused reads GitHub's no.
func (c *call) refused(resp *http.Response) *Refused {
	var body struct {
		Message string `json:"message"`
	}
	// What is not JSON (a page of a balancer, an answer cut short) has no message.
	if text, err := io.ReadAll(io.LimitReader(resp.Body, maxRefusal)); err == nil {
		_ = json.Unmarshal(text, &body)
	}
	r := &Refused{Status: resp.StatusCode, Reason: printable(body.Message), Ahead: c.ahead, Header: http.Header{}}
	for name, values := range resp.Header {
		if name == "Retry-After" || strings.HasPrefix(name, "X-Ratelimit-") {
			r.Header[name] = values
		}
	}
	r.Cause = c.cause(r)
	return r
}

// cause is that of a refusal; the wordings are observed.
func (c *call) cause(r *Refused) Cause {
	says := func(text string) bool { return strings.Contains(strings.ToLower(r.Reason), text) }
	switch r.Status {
	case http.StatusUnauthorized:
		switch {
		case says("'exp'"), says("'iat'"), c.ahead > issuedAgo, c.ahead < -expiresIn:
			return WrongClock
		case says("could not be decoded"), says("must generate a public key"):
			return BadKey
		}
	case http.StatusForbidden, http.StatusTooManyRequests:
		switch {
		case c.installation != 0 && says("suspended"):
			return Suspended
		case r.Status == http.StatusTooManyRequests, says("rate limit"), r.Header.Get("Retry-After") != "", r.Header.Get("X-Ratelimit-Remaining") == "0":
			return Limited
		}
	case http.StatusNotFound:
		switch {
		case says("integration not found"):
			return UnknownApp
		case c.installation != 0:
			return Uninstalled
		}
	case http.StatusUnprocessableEntity:
		return NotGranted
	}
	return Other
}

// tokenish is what a token, a JWT or a key would look like if an answer repeated it.
var tokenish = regexp.MustCompile(`[A-Za-z0-9._+=-]{36,}`)

// maxReason bounds a line of somebody else's words, in characters.
const maxReason = 300

// printable makes one short line of a text from outside, without what may be secret.
func printable(text string) string {
	text = tokenish.ReplaceAllString(strings.ToValidUTF8(text, "\uFFFD"), "[…]")
	blank := func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }
	line := []rune(strings.Join(strings.FieldsFunc(text, blank), " "))
	if len(line) > maxReason {
		return string(line[:maxReason-1]) + "…"
	}
	return string(line)
}

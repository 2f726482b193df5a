package installation

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/bradleyfalzon/ghinstallation/v2"
)

// How much of an answer is read: of a refusal its message, of an answer as much as the
// 500 repositories of a narrowed token or 100 installations take, described at length.
const (
	maxRefusal = 64 << 10
	maxAnswer  = 16 << 20
)

// A call is what one method asks of GitHub, and what became of it. It is the transport
// under both libraries, and the one place where an answer that is not a good one becomes
// an error: what the libraries make of it would hide the reason, or hold the answer.
type call struct {
	app          *App
	installation int64 // asked about; 0 for all
	begins       byte  // what the JSON of a good answer begins with

	ahead time.Duration // how far this machine's clock is ahead of GitHub's, by the last answer
	err   error         // why there is no good answer
}

// apps signs what it sends on through the call. It is made anew for every call: the
// library writes to it when it mints, which two at a time must not.
func (c *call) apps() (*ghinstallation.AppsTransport, error) {
	apps, err := ghinstallation.NewAppsTransportWithOptions(c, 0, ghinstallation.WithSigner(c.app.signer))
	if err != nil {
		return nil, fmt.Errorf("signing as an App: %w", err)
	}
	apps.BaseURL = c.app.api
	return apps, nil
}

// failed is the error of a call from which a library returned one. Where the call itself
// saw nothing wrong, the library could not read the answer; its error may quote from it.
func (c *call) failed(wanted string) error {
	if c.err != nil {
		return c.err
	}
	return fmt.Errorf("GitHub's answer is not %s", wanted)
}

// RoundTrip sends r as octopool's. Unlike others it returns an error for every answer
// that is not a success: so no library follows a redirect, and both pass a *Refused on.
func (c *call) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("User-Agent", c.app.userAgent)
	r.Header.Set("Accept", "application/vnd.github+json")
	resp, err := c.app.transport.RoundTrip(r)
	if err != nil {
		return nil, c.fails(&unreachable{err})
	}
	date, err := http.ParseTime(resp.Header.Get("Date"))
	if err == nil {
		c.ahead = c.app.now().Sub(date)
	}
	if resp.StatusCode/100 != 2 {
		defer resp.Body.Close()
		return nil, c.fails(c.refused(resp))
	}
	resp.Body = &answer{call: c, body: resp.Body, text: bufio.NewReader(http.MaxBytesReader(nil, resp.Body, maxAnswer))}
	return resp, nil
}

func (c *call) fails(err error) error {
	c.err = err
	return err
}

// An answer is the body of a good one, once it has been seen to begin like one. The
// libraries take an empty answer for an empty list, and mint a nil token from null.
type answer struct {
	call  *call
	body  io.Closer
	text  *bufio.Reader
	begun bool
}

func (a *answer) Read(p []byte) (int, error) {
	if !a.begun {
		if err := a.begin(); err != nil {
			return 0, a.call.fails(err)
		}
		a.begun = true
	}
	n, err := a.text.Read(p)
	if err != nil && err != io.EOF {
		err = a.call.fails(broken(err))
	}
	return n, err
}

func (a *answer) Close() error { return a.body.Close() }

// begin reads up to the first byte that is not white space, and not that byte.
func (a *answer) begin() error {
	for {
		b, err := a.text.ReadByte()
		switch {
		case err == io.EOF:
			return errors.New("GitHub's answer is empty")
		case err != nil:
			return broken(err)
		case b == ' ' || b == '\t' || b == '\r' || b == '\n':
			continue
		case b != a.call.begins:
			return errors.New("GitHub's answer is not the JSON that was asked for")
		}
		return a.text.UnreadByte()
	}
}

// broken is why an answer could not be read to its end.
func broken(err error) error {
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return fmt.Errorf("GitHub's answer is larger than %d bytes", tooLarge.Limit)
	}
	return &unreachable{err}
}

// unreachable is the error of a transport. Such a text can quote what a server sent.
type unreachable struct{ err error }

func (u *unreachable) Error() string { return "GitHub cannot be reached: " + printable(u.err.Error()) }
func (u *unreachable) Unwrap() error { return u.err }

package mitm

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"octopool/policy"
)

// A NextProxy is the proxy that octopool's own connections go through, to GitHub and behind
// tunnels, where it is not connected to the internet otherwise. The zero one is none. The
// proxy of octopool's environment is never it by itself: that may be octopool.
type NextProxy struct{ url policy.Secret } // with its user and password

// ParseNextProxy reads an http:// or https:// URL with a host and a port. Its error does
// not hold the text, which may have a password.
func ParseNextProxy(text string) (NextProxy, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.Port() == "" ||
		strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return NextProxy{}, errors.New("want http://HOST:PORT or https://HOST:PORT, with USER:PASSWORD@ before the host where it asks for them; special characters of a password must be percent-encoded")
	}
	return NextProxy{policy.NewSecret(text)}, nil
}

// IsZero reports whether there is none.
func (n NextProxy) IsZero() bool { return n.url.IsZero() }

// Address is its host:port; "" for none.
func (n NextProxy) Address() string {
	if n.IsZero() {
		return ""
	}
	return n.parsed().Host
}

func (n NextProxy) parsed() *url.URL {
	u, err := url.Parse(n.url.Reveal())
	if err != nil {
		panic("mitm: a NextProxy that ParseNextProxy did not make") // a bug
	}
	return u
}

// ofTransport is what a transport asks for its proxy; nil for none.
func (n NextProxy) ofTransport() func(*http.Request) (*url.URL, error) {
	if n.IsZero() {
		return nil
	}
	return http.ProxyURL(n.parsed())
}

// nextTimeout is how long the next proxy may take to connect on its part.
const nextTimeout = 30 * time.Second

// connect opens a connection to t through the next proxy.
func (n NextProxy) connect(ctx context.Context, t target) (net.Conn, error) {
	u := n.parsed()
	d := net.Dialer{Timeout: dialTimeout}
	conn, err := d.DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return nil, err
	}
	if u.Scheme == "https" {
		conn = tls.Client(conn, &tls.Config{ServerName: u.Hostname(), NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12})
	}
	conn.SetDeadline(time.Now().Add(nextTimeout))
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Now()) })
	opened, err := n.ask(conn, u, t)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		conn.Close()
		return nil, &net.OpError{Op: "proxyconnect", Net: "tcp", Err: err}
	}
	conn.SetDeadline(time.Time{})
	return opened, nil
}

// ask sends the CONNECT and reads the answer. What comes right behind that is kept.
func (n NextProxy) ask(conn net.Conn, u *url.URL, t target) (net.Conn, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "CONNECT %s HTTP/1.1\r\nHost: %[1]s\r\n", t)
	if u.User != nil {
		password, _ := u.User.Password()
		fmt.Fprintf(&b, "Proxy-Authorization: Basic %s\r\n", base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password)))
	}
	b.WriteString("\r\n")
	if _, err := conn.Write(b.Bytes()); err != nil {
		return nil, err
	}
	in := bufio.NewReader(&limitedConn{conn, maxHeader})
	resp, err := http.ReadResponse(in, &http.Request{Method: http.MethodConnect})
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("proxy.upstream answers %d", resp.StatusCode)
	}
	if early, _ := in.Peek(in.Buffered()); len(early) > 0 {
		return &earlyConn{Conn: conn, early: bytes.NewReader(bytes.Clone(early))}, nil
	}
	return conn, nil
}

// limitedConn reads a header and no more: a proxy's could be endless.
type limitedConn struct {
	net.Conn
	left int
}

func (c *limitedConn) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errors.New("the header of proxy.upstream's answer is too long")
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

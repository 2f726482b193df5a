package launch

import (
	"bufio"
	"context"
	"crypto/subtle"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"time"
)

// A Relay is a proxy on loopback for one program, whose environment is fixed when it starts:
// it passes each tunnel on to octopool with the token of that moment. Who uses it must know
// its secret, since anybody on this machine can reach it.
type Relay struct {
	Octopool string                                              // its proxy URL, without a client
	User     string                                              // for octopool's log, as in USER:TOKEN
	Token    func(ctx context.Context) (token string, err error) // one that is good now
	Secret   string                                              // the password that the program's proxy URL has

	server *http.Server
}

// openTime is how long octopool may take to answer a CONNECT.
const openTime = 60 * time.Second

// Start listens, until Close. It returns the address for the program's proxy URL.
func (r *Relay) Start() (address string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	r.server = &http.Server{Handler: r, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	go r.server.Serve(l)
	return URL(l.Addr().String()), nil
}

// Close takes no more tunnels. Those that are open end with either side.
func (r *Relay) Close() error { return r.server.Close() }

// ServeHTTP opens a tunnel through octopool.
func (r *Relay) ServeHTTP(w http.ResponseWriter, in *http.Request) {
	if in.Method != http.MethodConnect {
		http.Error(w, "octopool exec: this passes on CONNECT only", http.StatusMethodNotAllowed)
		return
	}
	if !r.knows(in.Header.Get("Proxy-Authorization")) {
		w.Header().Set("Proxy-Authenticate", `Basic realm="octopool"`)
		http.Error(w, "octopool exec: this is another program's way to octopool", http.StatusProxyAuthRequired)
		return
	}
	ctx, cancel := context.WithTimeout(in.Context(), openTime)
	defer cancel()
	out, answer, err := r.open(ctx, in.RequestURI)
	if err != nil {
		http.Error(w, "octopool exec: "+err.Error(), http.StatusBadGateway)
		return
	}
	defer out.Close()
	if answer.StatusCode != http.StatusOK {
		w.Header().Set("Content-Type", answer.Header.Get("Content-Type"))
		status := answer.StatusCode
		if status == http.StatusProxyAuthRequired {
			status = http.StatusForbidden // what the program knows is right: it has nothing else to send
		}
		w.WriteHeader(status)
		io.Copy(w, io.LimitReader(answer.Body, 64<<10))
		return
	}
	client, early, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer client.Close()
	if _, err := io.WriteString(client, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return
	}
	ended := make(chan struct{}, 2)
	go func() { io.Copy(out, early); ended <- struct{}{} }()
	go func() { io.Copy(client, out); ended <- struct{}{} }()
	<-ended // what comes through is TLS, of which neither half goes on without the other
}

func (r *Relay) knows(authorization string) bool {
	in := http.Request{Header: http.Header{"Authorization": {authorization}}}
	_, password, _ := in.BasicAuth()
	return subtle.ConstantTimeCompare([]byte(password), []byte(r.Secret)) == 1
}

// A tunnel is a connection of which some bytes may have been read.
type tunnel struct {
	net.Conn
	read *bufio.Reader
}

func (t tunnel) Read(p []byte) (int, error) { return t.read.Read(p) }

// open asks octopool for a tunnel.
func (r *Relay) open(ctx context.Context, target string) (net.Conn, *http.Response, error) {
	token, err := r.Token(ctx)
	if err != nil {
		return nil, nil, err
	}
	at, err := url.Parse(r.Octopool)
	if err != nil {
		return nil, nil, err
	}
	var conn net.Conn
	if at.Scheme == "https" {
		conn, err = new(tls.Dialer).DialContext(ctx, "tcp", at.Host)
	} else {
		conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", at.Host)
	}
	if err != nil {
		return nil, nil, err
	}
	deadline, _ := ctx.Deadline()
	conn.SetDeadline(deadline)
	credentials := base64.StdEncoding.EncodeToString([]byte(r.User + ":" + token))
	if _, err := fmt.Fprintf(conn, "CONNECT %s HTTP/1.1\r\nHost: %s\r\nProxy-Authorization: Basic %s\r\n\r\n", target, target, credentials); err != nil {
		conn.Close()
		return nil, nil, err
	}
	read := bufio.NewReader(conn)
	answer, err := http.ReadResponse(read, &http.Request{Method: http.MethodConnect})
	if err != nil {
		conn.Close()
		return nil, nil, errors.New("octopool gave no answer")
	}
	conn.SetDeadline(time.Time{})
	return tunnel{conn, read}, answer, nil
}

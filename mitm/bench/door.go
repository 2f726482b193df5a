package main

import (
	"bufio"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// A bareDoor is octopool's way for a client's request without what answers it: it grants
// a CONNECT, ends the TLS inside with a certificate of the same authority, and an
// http.Server with the same limits hands the request to a handler.
type bareDoor struct {
	listener net.Listener
	inner    *http.Server
	conns    chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

func newBareDoor(config *tls.Config, handler http.Handler) (*bareDoor, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	d := &bareDoor{
		listener: listener, conns: make(chan net.Conn), closed: make(chan struct{}),
		inner: &http.Server{
			Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 90 * time.Second, MaxHeaderBytes: 64 << 10,
			TLSConfig: &tls.Config{NextProtos: []string{"h2", "http/1.1"}}, ErrorLog: log.New(io.Discard, "", 0),
		},
	}
	go d.admit(config)
	go d.inner.Serve(d) // returns at Close
	return d, nil
}

// admit grants every CONNECT.
func (d *bareDoor) admit(config *tls.Config) {
	for {
		client, err := d.listener.Accept()
		if err != nil {
			return
		}
		go func() {
			if _, err := http.ReadRequest(bufio.NewReader(client)); err != nil {
				client.Close()
				return
			}
			io.WriteString(client, "HTTP/1.1 200 Connection established\r\n\r\n")
			select {
			case d.conns <- tls.Server(client, config):
			case <-d.closed:
				client.Close()
			}
		}()
	}
}

// proxy is where CONNECTs come.
func (d *bareDoor) proxy() string { return d.listener.Addr().String() }

// Accept, Close and Addr make it the listener of the server inside.
func (d *bareDoor) Accept() (net.Conn, error) {
	select {
	case c := <-d.conns:
		return c, nil
	case <-d.closed:
		return nil, net.ErrClosed
	}
}

func (d *bareDoor) Close() error {
	d.once.Do(func() { close(d.closed) })
	return nil
}

func (d *bareDoor) Addr() net.Addr { return d.listener.Addr() }

// stop ends it.
func (d *bareDoor) stop() {
	d.listener.Close()
	d.inner.Close()
}

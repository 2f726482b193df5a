package main

import (
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// A breaker is a wire on octopool's way to something, GitHub or Redis, that can be broken
// in many ways and mended.
type breaker struct {
	addr string // host:port, its own for as long as it lives

	mu       sync.Mutex // guards what follows
	listener net.Listener
	handle   func(net.Conn) // of a connection that comes
	open     map[net.Conn]bool
	all      sync.WaitGroup
}

// newBreaker leads to an address.
func newBreaker(to string) (*breaker, error) {
	b := &breaker{open: map[net.Conn]bool{}, handle: passTo(to)}
	l, err := net.Listen("tcp", net.JoinHostPort(ownHost(), "0"))
	if err != nil {
		return nil, err
	}
	b.addr = l.Addr().String()
	b.serve(l)
	return b, nil
}

// ownHost is a loopback address that nobody else uses, so that nobody takes a port of it
// while it is free.
func ownHost() string {
	n := 2 + rand.IntN(1<<24-4)
	return net.IPv4(127, byte(n>>16), byte(n>>8), byte(n)).String()
}

// serve accepts from a listener until it is closed.
func (b *breaker) serve(l net.Listener) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.listener = l
	b.all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			b.mu.Lock()
			handle := b.handle
			b.open[c] = true
			b.mu.Unlock()
			b.all.Go(func() {
				handle(c)
				c.Close()
				b.mu.Lock()
				defer b.mu.Unlock()
				delete(b.open, c)
			})
		}
	})
}

// become has what comes from now on handled so, and cuts what is there.
func (b *breaker) become(handle func(net.Conn)) {
	b.mu.Lock()
	b.handle = handle
	b.mu.Unlock()
	b.cut()
}

// cut ends what is there with resets.
func (b *breaker) cut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for c := range b.open {
		c.(*net.TCPConn).SetLinger(0)
		c.Close()
	}
}

// refuse has nobody listen.
func (b *breaker) refuse() {
	b.mu.Lock()
	b.listener.Close()
	b.mu.Unlock()
	b.cut()
}

// listen is the end of refuse.
func (b *breaker) listen() error {
	l, err := net.Listen("tcp", b.addr)
	if err == nil {
		b.serve(l)
	}
	return err
}

func (b *breaker) close() {
	b.refuse()
	b.all.Wait()
}

// passTo passes bytes both ways.
func passTo(to string) func(net.Conn) { return passSlowly(to, 0) }

// passSlowly has each piece of what comes back wait.
func passSlowly(to string, wait time.Duration) func(net.Conn) {
	return func(c net.Conn) {
		far, err := net.Dial("tcp", to)
		if err != nil {
			return
		}
		var both sync.WaitGroup
		both.Go(func() {
			io.Copy(far, c)
			far.Close()
		})
		both.Go(func() {
			defer c.Close()
			buffer := make([]byte, 32<<10)
			for {
				n, err := far.Read(buffer)
				if n > 0 {
					time.Sleep(wait)
					if _, err := c.Write(buffer[:n]); err != nil {
						far.Close()
						return
					}
				}
				if err != nil {
					return
				}
			}
		})
		both.Wait()
	}
}

// reset ends a connection as soon as it has said something.
func reset(c net.Conn) {
	c.Read(make([]byte, 1))
	c.(*net.TCPConn).SetLinger(0)
}

// silent reads and says nothing, until it is cut.
func silent(c net.Conn) { io.Copy(io.Discard, c) }

// babble answers whatever comes with what makes no sense.
func babble(c net.Conn) {
	c.Read(make([]byte, 1))
	io.WriteString(c, "\x00\x16\x03\xffHTTP/9.9 nothing -1 \r\n+OK\r\n$-7\r\n:x\r\n")
	c.(*net.TCPConn).CloseWrite()
	io.Copy(io.Discard, c)
}

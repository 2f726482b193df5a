package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"octopool/mitm/githubtest"
)

// leastOfTheSplice is the throughput a tunnel must have of a bare splice's.
const leastOfTheSplice = 0.95

// runTunnel sends bytes both ways through an octopool that does not look at them, in turns
// with a proxy that only joins two sockets.
func runTunnel(ctx context.Context, e environment, args []string) error {
	flags := flag.NewFlagSet("tunnel", flag.ContinueOnError)
	size := flags.Int64("mib", 1024, "bytes sent each way in each round")
	rounds := flags.Int("rounds", 5, "of which the median counts")
	if err := parse(flags, e, args); err != nil {
		return err
	}
	if *size < 1 || *size > 16<<10 || *rounds < 1 || *rounds > 100 {
		return usage(e, "that is nothing to measure, or too much")
	}
	p, err := newPassage(ctx, e)
	if err != nil {
		return err
	}
	defer p.stop()
	fmt.Fprintf(e.stdout, "tunnel: %d MiB, %d rounds\n\n%-6s%14s%16s%8s  %s\n", *size, *rounds, "", "splice MiB/s", "octopool MiB/s", "ratio", "lowest and highest")
	missed := false
	for _, way := range []string{"up", "down"} {
		var splices, ours, ratios []float64
		for range *rounds {
			if err := ctx.Err(); err != nil {
				return err
			}
			bare, err := p.send(p.bare.Addr().String(), way, *size<<20)
			if err != nil {
				return fmt.Errorf("splice: %w", err)
			}
			octopool, err := p.send(p.octopool.at.Load().Host, way, *size<<20)
			if err != nil {
				return fmt.Errorf("octopool: %w", err)
			}
			splices, ours, ratios = append(splices, bare), append(ours, octopool), append(ratios, octopool/bare)
		}
		fmt.Fprintf(e.stdout, "%-6s%14.0f%16.0f%7.0f%%  %.0f%% to %.0f%%\n", way, median(splices), median(ours), 100*median(ratios), 100*slices.Min(ratios), 100*slices.Max(ratios))
		missed = e.atLeast("tunnel, "+way, "bare splice, bytes/s", median(ratios), leastOfTheSplice) || missed
	}
	if missed {
		return fmt.Errorf("%w: at least %.0f%%", errMissed, 100*leastOfTheSplice)
	}
	return nil
}

// A passage is an octopool that lets github.com through, a bare proxy in a process of its
// own as well, and who is at the other end of both.
type passage struct {
	*octopool
	dir      string
	listener net.Listener // the other end
	bare     net.Listener
}

func newPassage(ctx context.Context, e environment) (p *passage, err error) {
	p = &passage{}
	defer func() {
		if err != nil {
			p.stop()
		}
	}()
	if p.dir, err = os.MkdirTemp("", "octopool-bench-"); err != nil {
		return p, err
	}
	if p.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return p, err
	}
	go serveEach(p.listener, echoOrSink)
	if p.bare, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return p, err
	}
	go serveEach(p.bare, func(client *net.TCPConn) { spliceTo(client, p.listener.Addr().String()) })
	github := githubtest.New()
	p.octopool = &octopool{program: e.octopool, dir: p.dir, github: github, credentials: newCredentials(github, 1, 5000), clients: 1, tunnels: true, dial: p.listener.Addr().String()}
	return p, p.octopool.start(ctx)
}

func (p *passage) stop() {
	if p.octopool != nil {
		p.octopool.stop()
		p.github.Close()
	}
	for _, l := range []net.Listener{p.listener, p.bare} {
		if l != nil {
			l.Close()
		}
	}
	os.RemoveAll(filepath.Clean(p.dir))
}

// serveEach serves each connection until the listener is closed.
func serveEach(l net.Listener, serve func(*net.TCPConn)) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			serve(c.(*net.TCPConn))
		}()
	}
}

// The first byte tells what the other end does: take all that comes and say so at the end
// with one byte, or send until it is cut off. A client that says nothing is let be.
const (
	takes = 't'
	sends = 's'
)

func echoOrSink(c *net.TCPConn) {
	var what [1]byte
	if _, err := io.ReadFull(c, what[:]); err != nil {
		return
	}
	buffer := make([]byte, 256<<10)
	if what[0] == sends {
		for err := error(nil); err == nil; {
			_, err = c.Write(buffer)
		}
		return
	}
	io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{c}, buffer)
	c.Write(what[:])
}

// spliceTo is all that a bare proxy does after a CONNECT.
func spliceTo(client *net.TCPConn, addr string) {
	if _, err := http.ReadRequest(bufio.NewReader(client)); err != nil {
		return
	}
	server, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer server.Close()
	io.WriteString(client, "HTTP/1.1 200 Connection established\r\n\r\n")
	var both sync.WaitGroup
	both.Go(func() {
		io.Copy(server, client)
		server.(*net.TCPConn).CloseWrite()
	})
	both.Go(func() {
		io.Copy(client, server)
		client.CloseWrite()
	})
	both.Wait()
}

// send sends so many bytes through a proxy and returns MiB a second.
func (p *passage) send(proxy, way string, size int64) (float64, error) {
	c, err := net.DialTimeout("tcp", proxy, patience)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * patience))
	if err := connect(c, "github.com"); err != nil {
		return 0, err
	}
	buffer := make([]byte, 256<<10)
	began := time.Now()
	if way == "down" {
		if _, err := c.Write([]byte{sends}); err != nil {
			return 0, err
		}
		_, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{io.LimitReader(c, size)}, buffer)
	} else {
		c.Write([]byte{takes})
		for left := size; left > 0 && err == nil; left -= int64(len(buffer)) {
			_, err = c.Write(buffer)
		}
		err = errors.Join(err, c.(*net.TCPConn).CloseWrite())
		if err == nil {
			_, err = io.ReadFull(c, buffer[:1])
		}
	}
	return float64(size) / (1 << 20) / time.Since(began).Seconds(), err
}

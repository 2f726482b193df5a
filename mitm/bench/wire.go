package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// A wire is a client that costs as little as a client can, so that what is measured is
// the server: one connection on which one request is sent again and again.
type wire interface {
	// will sets what is asked. Header lines are as HTTP/1.1 has them, without their ends.
	will(host, target string, header ...string)
	// ask sends the request and reads the answer whole.
	ask() (status, length int, err error)
	close()
}

// The versions of HTTP that a wire can speak, by their names in TLS (RFC 7301).
const (
	http1 = "http/1.1"
	http2 = "h2"
)

// dial connects to a host inside TLS: through the proxy at proxy, or to addr itself when
// proxy is "". sessions, which may be nil, has what shortens a handshake.
func dial(proxy, addr, host, version string, roots *x509.CertPool, sessions tls.ClientSessionCache) (wire, error) {
	to := addr
	if proxy != "" {
		to = proxy
	}
	raw, err := net.DialTimeout("tcp", to, patience)
	if err != nil {
		return nil, err
	}
	if proxy != "" {
		if err := connect(raw, host); err != nil {
			raw.Close()
			return nil, err
		}
	}
	conn := tls.Client(raw, &tls.Config{ServerName: host, RootCAs: roots, NextProtos: []string{version}, ClientSessionCache: sessions})
	if err := conn.Handshake(); err != nil {
		raw.Close()
		return nil, err
	}
	if version == http2 {
		return newWire2(conn)
	}
	return &wire1{conn: conn, reader: bufio.NewReaderSize(conn, 32<<10)}, nil
}

// connect asks a proxy for a tunnel to a host's port 443. Nothing follows its answer before
// we speak.
func connect(raw net.Conn, host string) error {
	fmt.Fprintf(raw, "CONNECT %s:443 HTTP/1.1\r\nHost: %s:443\r\n\r\n", host, host)
	return granted(raw)
}

// granted reads the answer to a CONNECT.
func granted(raw net.Conn) error {
	answer := make([]byte, 0, 256)
	for !bytes.HasSuffix(answer, []byte("\r\n\r\n")) {
		var one [1]byte
		if _, err := io.ReadFull(raw, one[:]); err != nil {
			return err
		}
		answer = append(answer, one[0])
	}
	if !bytes.HasPrefix(answer, []byte("HTTP/1.1 200 ")) {
		why, _ := io.ReadAll(io.LimitReader(raw, 1<<10)) // what is refused is closed
		return fmt.Errorf("CONNECT: %q", append(answer, why...))
	}
	return nil
}

// wire1 speaks HTTP/1.1.
type wire1 struct {
	conn    net.Conn
	reader  *bufio.Reader
	request []byte
}

func (w *wire1) close() { w.conn.Close() }

func (w *wire1) will(host, target string, header ...string) {
	w.request = fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: bench\r\n", target, host)
	for _, line := range header {
		w.request = append(w.request, line+"\r\n"...)
	}
	w.request = append(w.request, "\r\n"...)
}

func (w *wire1) ask() (status, length int, err error) {
	if _, err := w.conn.Write(w.request); err != nil {
		return 0, 0, err
	}
	line, err := w.reader.ReadSlice('\n')
	if err != nil {
		return 0, 0, err
	}
	if len(line) < 12 {
		return 0, 0, fmt.Errorf("status line %q", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, 0, err
	}
	length = -1
	for {
		if line, err = w.reader.ReadSlice('\n'); err != nil {
			return 0, 0, err
		}
		if len(line) <= 2 {
			break
		}
		const name = "content-length:"
		if len(line) > len(name) && bytes.EqualFold(line[:len(name)], []byte(name)) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(line[len(name):]))); err != nil {
				return 0, 0, err
			}
		}
	}
	if status == 304 {
		return status, 0, nil
	}
	if length < 0 {
		return 0, 0, errors.New("an answer without a Content-Length")
	}
	_, err = w.reader.Discard(length)
	return status, length, err
}

// A load is what came of wires asking for a while.
type load struct {
	requests int
	took     time.Duration
	worked   time.Duration   // processor time of this process, clients included
	each     []time.Duration // sorted; of every request
}

func (l load) perSecond() float64    { return float64(l.requests) / l.took.Seconds() }
func (l load) work() float64         { return l.worked.Seconds() / float64(l.requests) }
func (l load) median() time.Duration { return l.each[len(l.each)/2] }
func (l load) p99() time.Duration    { return l.each[len(l.each)*99/100] }

// processorTime is what this process has had of the processors so far. It says more than
// the clock on a machine that does other things as well.
func processorTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// drive lets all wires ask, each again as soon as it has its answer, for a while. They
// begin spread over a time: who begins together would go on together, and wait for each
// other. Every answer has to have this status.
func drive(wires []wire, spread, lasts time.Duration, status int) (load, error) {
	var all sync.WaitGroup
	errs := make([]error, len(wires))
	each := make([][]time.Duration, len(wires))
	begin, worked := time.Now(), processorTime()
	for i, w := range wires {
		all.Go(func() {
			time.Sleep(spread * time.Duration(i) / time.Duration(len(wires)))
			for start := time.Now(); start.Sub(begin) < lasts; {
				s, _, err := w.ask()
				if err == nil && s != status {
					err = fmt.Errorf("answered %d, want %d", s, status)
				}
				if err != nil {
					errs[i] = err
					return
				}
				now := time.Now()
				each[i] = append(each[i], now.Sub(start))
				start = now
			}
		})
	}
	all.Wait()
	l := load{took: time.Since(begin), worked: processorTime() - worked, each: slices.Concat(each...)}
	l.requests = len(l.each)
	slices.Sort(l.each)
	return l, errors.Join(errs...)
}

func hangUp(wires []wire) {
	for _, w := range wires {
		w.close()
	}
}

// median is of a few figures.
func median[T float64 | time.Duration](all []T) T {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}

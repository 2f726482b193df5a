package main

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"strings"

	h2 "golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// wire2 speaks HTTP/2 (RFC 9113), one stream after the other.
type wire2 struct {
	conn    net.Conn
	out     *bufio.Writer
	framer  *h2.Framer
	block   []byte // the request's header
	stream  uint32 // the last one
	pending uint32 // bytes taken that the server has not been told of
}

// statusOf finds the status in an answer's header, whose first field it is. What GitHub and
// its likes say most has a place in the static table (RFC 7541, appendix A).
func statusOf(block []byte) (int, error) {
	if len(block) > 0 {
		switch block[0] {
		case 0x88:
			return 200, nil
		case 0x8b:
			return 304, nil
		case 0x8d:
			return 404, nil
		}
	}
	return 0, fmt.Errorf("an answer whose header begins with %x", block[:min(len(block), 4)])
}

func newWire2(conn net.Conn) (*wire2, error) {
	w := &wire2{conn: conn, out: bufio.NewWriter(conn)}
	w.framer = h2.NewFramer(w.out, bufio.NewReaderSize(conn, 32<<10))
	w.framer.SetReuseFrames()
	io.WriteString(w.out, h2.ClientPreface)
	w.framer.WriteSettings(h2.Setting{ID: h2.SettingInitialWindowSize, Val: math.MaxInt32}, h2.Setting{ID: h2.SettingEnablePush})
	w.framer.WriteWindowUpdate(0, math.MaxInt32-65535)
	if err := w.out.Flush(); err != nil {
		conn.Close()
		return nil, err
	}
	return w, nil
}

func (w *wire2) close() { w.conn.Close() }

func (w *wire2) will(host, target string, header ...string) {
	var block bytes.Buffer
	e := hpack.NewEncoder(&block)
	e.SetMaxDynamicTableSize(0) // so that the block means the same each time
	add := func(name, value string) { e.WriteField(hpack.HeaderField{Name: name, Value: value}) }
	add(":method", "GET")
	add(":scheme", "https")
	add(":authority", host)
	add(":path", target)
	add("user-agent", "bench")
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		add(strings.ToLower(name), value)
	}
	w.block = block.Bytes()
}

func (w *wire2) ask() (status, length int, err error) {
	if w.stream++; w.stream > 1 {
		w.stream++ // a client's are odd
	}
	if w.pending > 1<<20 {
		w.framer.WriteWindowUpdate(0, w.pending)
		w.pending = 0
	}
	w.framer.WriteHeaders(h2.HeadersFrameParam{StreamID: w.stream, BlockFragment: w.block, EndStream: true, EndHeaders: true})
	if err := w.out.Flush(); err != nil {
		return 0, 0, err
	}
	for {
		f, err := w.framer.ReadFrame()
		if err != nil {
			return 0, 0, err
		}
		switch f := f.(type) {
		case *h2.HeadersFrame:
			if status, err = statusOf(f.HeaderBlockFragment()); err != nil || !f.HeadersEnded() {
				return 0, 0, cmp.Or(err, errors.New("a header in parts"))
			}
			if f.StreamEnded() {
				return status, length, nil
			}
		case *h2.DataFrame:
			length += len(f.Data())
			w.pending += f.Length
			if f.StreamEnded() {
				return status, length, nil
			}
		case *h2.SettingsFrame:
			if !f.IsAck() {
				w.framer.WriteSettingsAck()
				err = w.out.Flush()
			}
		case *h2.PingFrame:
			if !f.IsAck() {
				w.framer.WritePing(true, f.Data)
				err = w.out.Flush()
			}
		case *h2.RSTStreamFrame:
			return 0, 0, fmt.Errorf("the stream was reset: %v", f.ErrCode)
		case *h2.GoAwayFrame:
			return 0, 0, fmt.Errorf("the server leaves: %v", f.ErrCode)
		}
		if err != nil {
			return 0, 0, err
		}
	}
}

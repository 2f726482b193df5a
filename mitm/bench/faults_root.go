package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// What the faults below do to a machine they do inside a mount namespace of octopool's own,
// which takes root.

// rootFaults are those.
func rootFaults() []fault {
	return []fault{
		{name: "the disk is full", root: true, costs: true, configuration: `cache.max_bytes = "64MiB"`, limits: inNamespace(`mkdir -p data/store && mount -t tmpfs -o size=144m none data/store`), breaks: fillDisk},
		{name: "DNS is slow (each answer 1 s later)", root: true, named: true, limits: inNamespace(`mount --bind resolv.conf /etc/resolv.conf`), may: []string{"502"}, breaks: slowNames},
	}
}

// inNamespace are the words of a command that first makes the machine another one. It runs
// in octopool's folder.
func inNamespace(first string) []string {
	return []string{"unshare", "-m", "sh", "-c", `cd "$HOME" && ` + first + ` && exec "$0" "$@"`}
}

// fillDisk takes all that is left of the disk that the store is on, as fast as a disk
// writes. Who does so between two instructions ends any process with mapped files on it.
func fillDisk(ctx context.Context, w *troubled) (func() error, error) {
	name := filepath.Join("/proc", fmt.Sprint(w.child.Process.Pid), "root", w.dir, "data", "store", "full")
	file, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	for block := make([]byte, 128<<10); err == nil; { // until there is no space
		_, err = file.Write(block)
		wait(ctx, time.Millisecond)
	}
	return func() error { return os.Remove(name) }, nil
}

func slowNames(_ context.Context, w *troubled) (func() error, error) {
	w.names.wait.Store(int64(time.Second))
	w.wire.cut() // whoever has a connection asks for no name
	return func() error {
		w.names.wait.Store(0)
		return nil
	}, nil
}

// names is a server that knows one address for every name.
type names struct {
	conn net.PacketConn
	wait atomic.Int64 // before each answer, nanoseconds
}

// serveNames starts one, and writes the resolv.conf that leads to it.
func serveNames(dir, address string) (*names, error) {
	host := ownHost()
	conn, err := net.ListenPacket("udp", net.JoinHostPort(host, "53")) // where all resolvers ask
	if err != nil {
		return nil, err
	}
	n := &names{conn: conn}
	go n.answer([4]byte(net.ParseIP(address).To4()))
	return n, os.WriteFile(filepath.Join(dir, "resolv.conf"), []byte("nameserver "+host+"\noptions timeout:5 attempts:1\n"), 0o644)
}

func (n *names) answer(address [4]byte) {
	packet := make([]byte, 512)
	for {
		size, from, err := n.conn.ReadFrom(packet)
		if err != nil {
			return // closed
		}
		var m dnsmessage.Message
		if m.Unpack(packet[:size]) != nil || len(m.Questions) != 1 {
			continue
		}
		m.Response, m.Authoritative = true, true
		m.Additionals = nil
		if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
			m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 1}, Body: &dnsmessage.AResource{A: address}}}
		}
		answer, err := m.Pack()
		if err != nil {
			continue
		}
		time.AfterFunc(time.Duration(n.wait.Load()), func() { n.conn.WriteTo(answer, from) })
	}
}

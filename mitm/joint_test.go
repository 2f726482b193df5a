package mitm

import (
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// joined runs a tunnel between two pipes and says when it has ended. The test has the
// outer ends.
func joined() (client, server net.Conn, ended <-chan struct{}) {
	client, near := net.Pipe()
	server, far := net.Pipe()
	done := make(chan struct{})
	go func() {
		join(near, far, func(int64) {}, func(int64) {})
		close(done)
	}()
	return client, server, done
}

// A tunnel in which nobody speaks is closed, and not before its time.
func TestSilentTunnelEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		client, server, ended := joined()
		<-ended
		if took := time.Since(start); took < tunnelIdle || took > tunnelIdle+3*pipeLook {
			t.Errorf("it ended after %v", took)
		}
		for _, c := range []net.Conn{client, server} {
			if _, err := c.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("one end is still open: %v", err)
			}
		}
	})
}

// A tunnel in which one side only listens stays open as long as the other speaks: a
// download may take hours.
func TestOneSidedTunnelStaysOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server, ended := joined()
		go io.Copy(io.Discard, client)
		for range 20 {
			<-time.After(tunnelIdle - time.Second) // of the bubble's time
			if _, err := server.Write([]byte("a piece")); err != nil {
				t.Fatal(err)
			}
		}
		server.Close()
		<-ended
	})
}

// A client that stops taking what it is sent does not hold its tunnel for ever.
func TestStuckTunnelEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server, ended := joined()
		defer client.Close()
		go server.Write(make([]byte, 1<<20)) // nobody reads it
		start := time.Now()
		<-ended
		if took := time.Since(start); took < tunnelIdle || took > tunnelIdle+3*pipeLook {
			t.Errorf("it ended after %v", took)
		}
	})
}

// A tunnel that would begin when all are being cut does not.
func TestNoTunnelAfterTheCut(t *testing.T) {
	var all tunnels
	a, b := net.Pipe()
	end, ok := all.begin(a, b)
	if !ok {
		t.Fatal("it is not let in")
	}
	all.cut()
	if _, err := a.Write([]byte("x")); err != io.ErrClosedPipe {
		t.Errorf("it is still open: %v", err)
	}
	end()
	if _, ok := all.begin(a, b); ok {
		t.Error("another begins")
	}
}

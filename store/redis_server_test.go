package store

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/rueidis"
)

// redisHost is a loopback address that nobody else listens on or dials from, so that no
// port of it is taken between two lives of a server.
const redisHost = "127.82.69.68"

// A redisServer is a real one, which has nothing and writes nothing to disk.
type redisServer struct {
	port string
	args []string
	cmd  *exec.Cmd
}

func (s *redisServer) addr() string { return net.JoinHostPort(redisHost, s.port) }
func (s *redisServer) url() string  { return "redis://" + s.addr() }

// startRedis starts a server that is killed at the end of the test.
func startRedis(t testing.TB, args ...string) *redisServer {
	t.Helper()
	s := &redisServer{port: freePort(t)}
	s.args = append([]string{"--port", s.port, "--bind", redisHost, "--save", "", "--dir", t.TempDir()}, args...)
	s.start(t)
	t.Cleanup(func() { s.kill() })
	return s
}

func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", redisHost+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// start starts the server, or starts it anew on the same port, and returns once it
// listens.
func (s *redisServer) start(t testing.TB) {
	t.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatal("this test runs a real redis-server and finds none: apt-get install redis-server")
	}
	s.cmd = exec.Command(program, s.args...)
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		said.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), "Ready to accept connections") || strings.Contains(lines.Text(), "+monitor master") {
			go io.Copy(io.Discard, out) // ends when the server does
			return
		}
	}
	t.Fatalf("redis-server did not start:\n%s", said.String())
}

func (s *redisServer) signal(t *testing.T, sig syscall.Signal) {
	t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

func (s *redisServer) kill() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill() // it may be dead already
		_ = s.cmd.Wait()
	}
}

// do runs a command as somebody else would.
func (s *redisServer) do(t testing.TB, args ...string) rueidis.RedisResult {
	t.Helper()
	c, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{s.addr()}, ForceSingleClient: true, DisableCache: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	result := c.Do(context.Background(), c.B().Arbitrary(args...).Build())
	if err := result.Error(); err != nil && !rueidis.IsRedisNil(err) {
		t.Fatalf("%q: %v", args, err)
	}
	return result
}

// openRedis opens a store that has all the patience a busy machine needs.
func openRedis(t testing.TB, url string) *Redis {
	t.Helper()
	return openRedisWith(t, RedisOptions{URL: url, TTL: time.Hour, Log: logTo(t.Output()), Patience: 10 * time.Second})
}

func openRedisWith(t testing.TB, o RedisOptions) *Redis {
	t.Helper()
	r, err := OpenRedis(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// until waits for a condition.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for give := time.Now().Add(20 * time.Second); !holds(); <-tick.C {
		if time.Now().After(give) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

func logTo(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

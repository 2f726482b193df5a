package main

import (
	"fmt"
	"net"
	"os/exec"
	"strings"
	"time"
)

// A redisServer is a real one, which writes nothing to disk.
type redisServer struct {
	addr string
	cmd  *exec.Cmd
}

// startRedis starts one, and returns when it listens.
func startRedis(dir string) (*redisServer, error) {
	addr, err := anAddr()
	if err != nil {
		return nil, err
	}
	host, port, _ := net.SplitHostPort(addr)
	r := &redisServer{addr: addr, cmd: exec.Command("redis-server", "--port", port, "--bind", host, "--save", "", "--dir", dir)}
	if err := r.cmd.Start(); err != nil {
		return nil, fmt.Errorf("redis-server: %w", err)
	}
	for range 500 {
		if answer, _ := r.ask("PING"); strings.HasPrefix(answer, "+PONG") {
			return r, nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	r.stop()
	return nil, fmt.Errorf("redis-server does not answer at %s", addr)
}

// ask sends one command, and returns the beginning of its answer.
func (r *redisServer) ask(command string) (string, error) {
	c, err := net.DialTimeout("tcp", r.addr, time.Second)
	if err != nil {
		return "", err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(5 * time.Second))
	fmt.Fprintf(c, "%s\r\n", command)
	answer := make([]byte, 256)
	n, err := c.Read(answer)
	return string(answer[:n]), err
}

func (r *redisServer) stop() {
	r.cmd.Process.Kill()
	r.cmd.Wait()
}

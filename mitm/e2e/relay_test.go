package e2e

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
)

// relay is the smallest proxy there is: whatever a CONNECT names, it connects to addr.
// Through it a program talks to the stand-in as it would to GitHub without octopool.
func relay(t *testing.T, addr string) (url string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go relayOne(client, addr)
		}
	}()
	return "http://" + listener.Addr().String()
}

func relayOne(client net.Conn, addr string) {
	defer client.Close()
	reader := bufio.NewReader(client)
	if r, err := http.ReadRequest(reader); err != nil || r.Method != http.MethodConnect {
		io.WriteString(client, "HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n")
		return
	}
	server, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer server.Close()
	io.WriteString(client, "HTTP/1.1 200 OK\r\n\r\n")
	go func() {
		io.Copy(server, reader)
		server.(*net.TCPConn).CloseWrite()
	}()
	io.Copy(client, server)
}

package githubtest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
)

// Relay starts the smallest proxy there is: whatever host a CONNECT names, it leads to the
// server. A program that is told of it in HTTPS_PROXY talks to the server as it would
// to GitHub, with nothing of anybody's in between. stop ends it. It panics when it cannot
// listen, as New does.
func (s *Server) Relay() (url string, stop func()) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(fmt.Sprintf("githubtest: %v", err))
	}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go relay(client, s.Addr())
		}
	}()
	return "http://" + listener.Addr().String(), func() { listener.Close() }
}

func relay(client net.Conn, addr string) {
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

package githubtest

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// relay is the smallest proxy there is: it sends every CONNECT to the server.
func relay(t *testing.T, s *Server) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go relayOne(conn, s.Addr())
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

// A shell runs real programs against the server, with nothing of the machine's
// own configuration.
type shell struct {
	t   *testing.T
	dir string
	env []string
}

func newShell(t *testing.T, s *Server, token string) shell {
	t.Helper()
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, s.CAPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	proxy := relay(t, s)
	return shell{t, dir, []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GH_CONFIG_DIR=" + dir, "GH_TOKEN=" + token, "GH_NO_UPDATE_NOTIFIER=1", "NO_COLOR=1",
		"HTTPS_PROXY=" + proxy, "https_proxy=" + proxy, "SSL_CERT_FILE=" + ca, "GIT_SSL_CAINFO=" + ca, "CURL_CA_BUNDLE=" + ca,
		"GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=T", "GIT_AUTHOR_EMAIL=t@example.com", "GIT_COMMITTER_NAME=T", "GIT_COMMITTER_EMAIL=t@example.com",
	}}
}

// try runs a line of sh and says what it printed and whether it went well.
func (sh shell) try(line string) (string, bool) {
	sh.t.Helper()
	cmd := exec.Command("sh", "-c", line)
	cmd.Dir, cmd.Env = sh.dir, sh.env
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}

// run is try for a line that has to go well.
func (sh shell) run(line string) string {
	sh.t.Helper()
	out, ok := sh.try(line)
	if !ok {
		sh.t.Fatalf("$ %s\n%s", line, out)
	}
	return out
}

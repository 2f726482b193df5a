package mitm_test

import (
	"bufio"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"octopool/mitm"
)

// A companys is a proxy that octopool has to go through. It asks for a password, leads to one
// address whatever it is asked for, and remembers what that was.
type companys struct {
	mu    sync.Mutex // guards asked
	asked []string
	to    map[string]string // by what is asked for
}

const companysPassword = "hunter2-of-the-company"

func (c *companys) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	c.asked = append(c.asked, r.Method+" "+r.RequestURI)
	c.mu.Unlock()
	if r.Header.Get("Proxy-Authorization") != "Basic "+base64.StdEncoding.EncodeToString([]byte("octopool:"+companysPassword)) {
		http.Error(w, "who are you?", http.StatusProxyAuthRequired)
		return
	}
	if r.Method != http.MethodConnect {
		io.WriteString(w, "said by the company's proxy")
		return
	}
	onward, err := net.Dial("tcp", c.to[r.RequestURI])
	if err != nil {
		http.Error(w, "there is no way", http.StatusBadGateway)
		return
	}
	defer onward.Close()
	conn, in, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	io.WriteString(conn, "HTTP/1.1 200 OK\r\nX-Of: the company\r\n\r\n")
	go io.Copy(onward, in)
	io.Copy(conn, onward)
}

func (c *companys) heard() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.asked, "\n")
}

// behind makes octopool go through a company's proxy.
func behind(t *testing.T, c *companys, user string) option {
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	next, err := mitm.ParseNextProxy(strings.Replace(server.URL, "http://", "http://"+user+"@", 1))
	if err != nil {
		t.Fatal(err)
	}
	return func(p *plan) {
		if p.github != nil {
			c.to["api.github.com:443"] = p.github.Addr()
		}
		p.config.GitHubs[0].Dial = ""
		p.config.Next = next
		p.config.Egress = mitm.Egress{Allow: []string{"*"}, Ports: []int{80, 443}}
	}
}

// Where octopool has to go through another proxy, all of it does: what is asked of GitHub,
// tunnels, and plain requests; and the proxy's password is told to nobody but it.
func TestThroughTheNextProxy(t *testing.T) {
	host := listenAt(t, "127.0.0.1:0", "hello from behind") // which says it before it is asked
	c := &companys{to: map[string]string{"packages.example:443": host}}
	s := start(t, behind(t, c, "octopool:"+companysPassword))
	if got := get(t, s.client(ciToken), "https://api.github.com/repos/acme/web"); got.status != http.StatusOK {
		t.Errorf("GitHub: %s", got.text())
	}
	w, granted := s.connect(t, "packages.example:443")
	if line, err := w.in.ReadString('\n'); granted.status != 200 || len(granted.header) > 0 || line != "hello from behind\n" {
		t.Errorf("a tunnel: %s %q %v", granted.text(), line, err)
	}
	w = s.wire(t)
	w.say("GET http://deb.example/dists?x=1 HTTP/1.1\nHost: deb.example\nConnection: close\n\n")
	if got := w.hear("GET"); got.body != "said by the company's proxy" {
		t.Errorf("a plain request: %s", got.text())
	}
	if got, want := c.heard(), "CONNECT api.github.com:443\nCONNECT packages.example:443\nGET http://deb.example/dists?x=1"; got != want {
		t.Errorf("the proxy was asked\n%s\nwant\n%s", got, want)
	}
	if seen := s.github.Seen(); len(seen) != 1 || seen[0].Header.Get("Proxy-Authorization") != "" {
		t.Errorf("GitHub saw %v", seen)
	}
	// What it leads to, it judges. What can be told from here is judged here.
	for _, inside := range []string{"localhost:443", "127.0.0.1:443", "[64:ff9b::a9fe:a9fe]:443"} {
		if _, got := s.connect(t, inside); got.status != http.StatusForbidden {
			t.Errorf("%s: %s", inside, got.text())
		}
	}
	w = s.wire(t)
	w.say("GET http://localhost/ HTTP/1.1\nHost: localhost\n\n")
	if got := w.hear("GET"); got.status != http.StatusForbidden {
		t.Errorf("localhost in clear: %s", got.text())
	}
	_, refused := s.connect(t, "nowhere.example:443")
	if refused.refusal() != refusedText(502, "octopool: cannot connect: proxy.upstream answers 502") {
		t.Errorf("where it cannot lead: %s", refused.refusal())
	}
	if strings.Contains(s.logged()+s.metrics()+refused.text(), "hunter2") {
		t.Errorf("its password is in\n%s", s.logged())
	}
}

// A proxy that does not let octopool through is an error that names it, without its secret.
func TestANextProxyThatRefuses(t *testing.T) {
	c := &companys{to: map[string]string{}}
	s := start(t, behind(t, c, "octopool:hunter2-wrong"))
	if got := get(t, s.client(ciToken), "https://api.github.com/repos/acme/web"); got.refusal() != refusedText(502, "octopool: api.github.com gave no answer") {
		t.Errorf("GitHub: %s", got.refusal())
	}
	if _, got := s.connect(t, "packages.example:443"); got.refusal() != refusedText(502, "octopool: cannot connect: proxy.upstream answers 407") {
		t.Errorf("a tunnel: %s", got.refusal())
	}
	if strings.Contains(s.logged(), "hunter2") {
		t.Errorf("its password is in\n%s", s.logged())
	}
}

// What a proxy may say is no more than a header, and one that says something else is none.
func TestANextProxyThatIsNone(t *testing.T) {
	for name, says := range map[string]string{
		"noise": "SSH-2.0-OpenSSH\r\n", "silence": "", "an endless header": "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20),
	} {
		addr := listen(t, func(conn *net.TCPConn) {
			http.ReadRequest(bufio.NewReader(conn))
			io.WriteString(conn, says)
		})
		next, err := mitm.ParseNextProxy("http://" + addr)
		if err != nil {
			t.Fatal(err)
		}
		s := start(t, withConfig(func(c *mitm.Config) { c.Next, c.Egress = next, mitm.Egress{Allow: []string{"*"}} }))
		if _, got := s.connect(t, "packages.example:443"); got.status != http.StatusBadGateway {
			t.Errorf("%s: %s", name, got.text())
		}
	}
}

// The URL of a proxy, and what is none, of which the error repeats nothing.
func TestParseNextProxy(t *testing.T) {
	for text, address := range map[string]string{
		"http://proxy.example:3128": "proxy.example:3128", "https://u:p%40ss@proxy.example:443/": "proxy.example:443", "http://[::1]:8080": "[::1]:8080",
		"": "", "proxy.example:3128": "", "http://proxy.example": "", "socks5://u:hunter2@h:1": "", "http://u:hunter2@h:1/path": "", "http://u:hunter2%@h:1": "", "http://:80": "",
	} {
		next, err := mitm.ParseNextProxy(text)
		if (err == nil) != (address != "") || next.Address() != address {
			t.Errorf("%q: %q, %v", text, next.Address(), err)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

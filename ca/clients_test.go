package ca

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A realClient is a program that octopool's users run. None of them is told to
// trust anything but the files of the authority.
type realClient struct {
	name   string
	needs  string   // the program to be found
	args   []string // {HOST}, {PROXY}, {ROOT} and {BUNDLE} are filled in, as in env and stdin
	env    []string
	stdin  string
	refuse string // what it says of a certificate it does not accept, as a regular expression
}

var realClients = []realClient{
	{
		name: "curl", needs: "curl",
		args:   []string{"--silent", "--show-error", "https://{HOST}/"},
		env:    []string{"CURL_CA_BUNDLE={BUNDLE}"},
		refuse: `SSL certificate problem: (permitted|excluded) subtree violation`,
	},
	{
		name: "git", needs: "git",
		args:   []string{"ls-remote", "https://{HOST}/"},
		env:    []string{"GIT_SSL_CAINFO={BUNDLE}", "GIT_CONFIG_NOSYSTEM=1"},
		refuse: `server certificate verification failed|SSL certificate problem`, // GnuTLS, OpenSSL
	},
	{
		name: "node", needs: "node",
		args:   []string{"testdata/fetch.js", "{HOST}"},
		env:    []string{"NODE_EXTRA_CA_CERTS={ROOT}"},
		refuse: `(permitted|excluded) subtree violation`,
	},
	{
		name: "python requests", needs: "/usr/bin/python3", // not another python3 of the PATH, which knows nothing of Debian's packages
		args:   []string{"-c", "import requests; print(requests.get('https://{HOST}/').text)"},
		env:    []string{"REQUESTS_CA_BUNDLE={BUNDLE}"},
		refuse: `CERTIFICATE_VERIFY_FAILED\] certificate verify failed: (permitted|excluded) subtree violation`,
	},
	{
		name: "gh", needs: "gh", // and Go's SSL_CERT_FILE
		args:   []string{"api", "https://{HOST}/"},
		env:    []string{"SSL_CERT_FILE={BUNDLE}", "GH_TOKEN=x"},
		refuse: `x509: a root or intermediate certificate is not authorized to sign for this name`,
	},
	{
		name: "wget", needs: "wget",
		args:   []string{"--no-verbose", "--tries=1", "--output-document=-", "--ca-certificate={BUNDLE}", "https://{HOST}/"},
		refuse: `ERROR: The certificate of .* is not trusted|subtree violation`, // GnuTLS, OpenSSL
	},
	{
		name: "openssl", needs: "openssl",
		args: []string{"s_client", "-quiet", "-verify_return_error", "-CAfile", "{ROOT}",
			"-proxy", "{PROXY}", "-connect", "{HOST}:443", "-servername", "{HOST}"},
		stdin:  "GET / HTTP/1.0\r\nHost: {HOST}\r\n\r\n",
		refuse: `verify error:num=(47|48):(permitted|excluded) subtree violation`,
	},
	{
		name: "java", needs: "java", // ignores constraints on the root: it is the intermediate's that stop it
		args:   []string{"-XX:TieredStopAtLevel=1", "-Dhttps.proxyHost={PROXY_HOST}", "-Dhttps.proxyPort={PROXY_PORT}", "testdata/Fetch.java", "{ROOT}", "https://{HOST}/"},
		refuse: `CertPathValidatorException: name constraints check failed|NameConstraints`,
	},
}

// The constraints are worth what real clients make of them. Each client accepts an
// intercepted host, and refuses, because of the certificate, what a thief of the
// intermediate's key would sign. So that a refusal is known to be for the name,
// the thief also signs for a subdomain, which is accepted.
func TestRealClients(t *testing.T) {
	a := openTemp(t)
	steered := newSteeredNet(t)
	const good, below, example, address = "api.github.com", "forged.api.github.com", "example.com", "192.0.2.1"
	steered.serve(good, a.TLSConfig(good))
	for _, name := range []string{below, example} {
		steered.serve(name, serverFor(forge(t, a, func(c *x509.Certificate) { c.DNSNames = []string{name} })))
	}
	steered.serve(address, serverFor(forge(t, a, func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.ParseIP(address)} })))

	hosts := []struct {
		name     string
		accepted bool
	}{{good, true}, {below, true}, {example, false}, {address, false}}

	var ran atomic.Int32
	for _, client := range realClients {
		t.Run(client.name, func(t *testing.T) {
			t.Parallel()
			program, err := exec.LookPath(client.needs)
			if client.name == "java" {
				// Welcome, and too large to be required. It compiles its source, so a
				// runtime alone will not do.
				if _, noCompiler := exec.LookPath("javac"); err != nil || noCompiler != nil {
					return
				}
			}
			if err != nil {
				t.Fatalf("%s is not installed: run scripts/test, which installs what tests need", client.needs)
			}
			ran.Add(1)
			for _, host := range hosts {
				out, err := client.run(t, program, a, steered, host.name)
				answered := strings.Contains(out, steered.answer(host.name)) && err == nil
				switch {
				case host.accepted && !answered:
					t.Errorf("%s was refused: %v\n%s", host.name, err, out)
				case !host.accepted && err == nil:
					t.Errorf("%s was accepted\n%s", host.name, out)
				case !host.accepted && !regexp.MustCompile(client.refuse).MatchString(out):
					t.Errorf("%s failed for another reason than its certificate (%v); run scripts/test if something is not installed\n%s", host.name, err, out)
				}
			}
		})
	}
	t.Run("go", func(t *testing.T) {
		t.Parallel()
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(a.RootPEM())
		for _, host := range hosts {
			transport := &http.Transport{Proxy: http.ProxyURL(steered.proxy), TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true, DisableKeepAlives: true}
			resp, err := (&http.Client{Transport: transport}).Get("https://" + host.name + "/")
			if err == nil {
				resp.Body.Close()
			}
			if host.accepted && err != nil {
				t.Errorf("%s was refused: %v", host.name, err)
			}
			if !host.accepted && (err == nil || !strings.Contains(err.Error(), "x509: a root or intermediate certificate is not authorized to sign for this name")) {
				t.Errorf("%s: %v", host.name, err)
			}
		}
	})
	t.Cleanup(func() { // after the clients
		for _, host := range hosts {
			dials, requests := steered.seen(host.name)
			if dials < int(ran.Load()) {
				t.Errorf("%s was dialled %d times by %d clients: some went elsewhere", host.name, dials, ran.Load())
			}
			if !host.accepted && requests > 0 {
				t.Errorf("%d requests were sent to the false %s", requests, host.name)
			}
		}
	})
}

// run runs the client with nothing of this machine's settings.
func (c realClient) run(t *testing.T, program string, a *Authority, n *steeredNet, host string) (string, error) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	in := strings.NewReplacer(
		"{PROXY}", n.proxy.Host, "{PROXY_HOST}", n.proxy.Hostname(), "{PROXY_PORT}", n.proxy.Port(),
		"{HOST}", host, "{ROOT}", a.RootFile(), "{BUNDLE}", a.BundleFile()).Replace
	cmd := exec.CommandContext(ctx, program)
	for _, arg := range c.args {
		cmd.Args = append(cmd.Args, in(arg))
	}
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "LC_ALL=C",
		"HTTPS_PROXY=" + n.proxy.String(), "https_proxy=" + n.proxy.String(), // wget reads the lower case only
	}
	for _, env := range c.env {
		cmd.Env = append(cmd.Env, in(env))
	}
	cmd.Stdin = strings.NewReader(in(c.stdin))
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func serverFor(cert *tls.Certificate) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{*cert}, NextProtos: []string{"h2", "http/1.1"}}
}

// A steeredNet is a proxy whose CONNECTs all end at servers of the test, by the
// name in the CONNECT: no DNS, and nothing leaves the machine.
type steeredNet struct {
	t     *testing.T
	proxy *url.URL

	mu       sync.Mutex // guards the maps
	servers  map[string]string
	dials    map[string]int
	requests map[string]int
}

func newSteeredNet(t *testing.T) *steeredNet {
	l := listen(t)
	n := &steeredNet{
		t:        t,
		proxy:    &url.URL{Scheme: "http", Host: l.Addr().String()},
		servers:  map[string]string{},
		dials:    map[string]int{},
		requests: map[string]int{},
	}
	start(t, l, &http.Server{Handler: http.HandlerFunc(n.connect)})
	return n
}

// answer is what the server for host says: to git the name of a branch, to others
// the body.
func (n *steeredNet) answer(host string) string { return "served-by-" + host }

// serve starts a TLS server for host.
func (n *steeredNet) serve(host string, config *tls.Config) {
	l := listen(n.t)
	n.mu.Lock()
	n.servers[host] = l.Addr().String()
	n.mu.Unlock()
	start(n.t, tls.NewListener(l, config), &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.mu.Lock()
		n.requests[host]++
		n.mu.Unlock()
		if r.URL.Path != "/info/refs" {
			io.WriteString(w, n.answer(host))
			return
		}
		line := func(s string) string { return fmt.Sprintf("%04x%s", len(s)+4, s) }
		w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
		io.WriteString(w, line("# service=git-upload-pack\n")+"0000"+
			line(strings.Repeat("1", 40)+" refs/heads/"+n.answer(host)+"\x00agent=test\n")+"0000")
	})})
}

func (n *steeredNet) connect(w http.ResponseWriter, r *http.Request) {
	host, _, _ := net.SplitHostPort(r.Host)
	n.mu.Lock()
	addr, ok := n.servers[host]
	n.dials[host]++
	n.mu.Unlock()
	if r.Method != http.MethodConnect || !ok {
		http.Error(w, "no such host", http.StatusBadGateway)
		return
	}
	server, err := net.Dial("tcp", addr)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer server.Close()
	client, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		n.t.Error(err)
		return
	}
	defer client.Close()
	io.WriteString(client, "HTTP/1.1 200 OK\r\n\r\n")
	go func() {
		bufio.NewReader(buffered).WriteTo(server)
		server.(*net.TCPConn).CloseWrite()
	}()
	io.Copy(client, server)
}

func (n *steeredNet) seen(host string) (dials, requests int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.dials[host], n.requests[host]
}

func listen(t *testing.T) net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// start serves until the test ends. Refused handshakes are expected and not logged.
func start(t *testing.T, l net.Listener, server *http.Server) {
	server.ErrorLog = log.New(io.Discard, "", 0)
	done := make(chan struct{})
	go func() {
		defer close(done)
		server.Serve(l)
	}()
	t.Cleanup(func() {
		server.Close()
		<-done
	})
}

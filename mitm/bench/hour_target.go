package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"octopool/mitm/githubtest"
)

// A target is what the fleet's requests go through on their way to GitHub.
type target interface {
	// start starts it with the credentials' newest tokens, for the first time or again.
	start(context.Context) error
	stop() error
	transport(flavour) *http.Transport // for one job
	token(client int) string           // what a client presents
	base() string                      // of the URLs that clients ask for
	about() string
	used() string // what it took of the machine; "" where that is not known
}

// newTransport is one job's way, through a proxy or not.
func newTransport(f flavour, proxy func(*http.Request) (*url.URL, error), roots *x509.CertPool) *http.Transport {
	t := &http.Transport{
		Proxy: proxy, TLSClientConfig: &tls.Config{RootCAs: roots},
		ForceAttemptHTTP2: f.h2, DisableCompression: !f.gzip, TLSHandshakeTimeout: patience, ResponseHeaderTimeout: patience,
	}
	if !f.h2 {
		t.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	}
	return t
}

const gitHubAPI = "https://api.github.com"

// direct is no proxy: every client has the first credential's token.
type direct struct {
	github      *githubtest.Server
	credentials []*credential
}

func (direct) start(context.Context) error { return nil }
func (direct) stop() error                 { return nil }
func (direct) base() string                { return gitHubAPI }
func (direct) about() string               { return "no proxy, one token" }
func (direct) used() string                { return "" }
func (d direct) token(int) string          { return d.credentials[0].token() }

func (d direct) transport(f flavour) *http.Transport {
	t := newTransport(f, nil, d.github.Roots())
	t.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, d.github.Addr())
	}
	return t
}

// foreign is any proxy: a forward proxy, or one that takes GitHub's place at a base URL.
type foreign struct {
	direct
	proxy   *url.URL // nil for a base URL
	baseURL string   // "" for a forward proxy
	present string   // what clients present; "" for the first credential's token
	roots   *x509.CertPool
	command string // starts it; "" when it runs by itself
	environ []string

	environment
	child *exec.Cmd
}

// newForeign gives out what a proxy needs to find the stand-in, in the environment of
// the command that starts it or, for one that is started by hand, on stdout.
func newForeign(d direct, proxy, base, command, present, caFile, dir string, e environment) (f *foreign, stop func(), err error) {
	f = &foreign{direct: d, baseURL: base, present: present, roots: d.github.Roots(), command: command, environment: e}
	if proxy != "" {
		if f.proxy, err = url.Parse(proxy); err != nil {
			return nil, nil, err
		}
	}
	if caFile != "" {
		pem, err := os.ReadFile(caFile)
		if err != nil {
			return nil, nil, err
		}
		f.roots.AppendCertsFromPEM(pem)
	}
	pem := filepath.Join(dir, "github.pem")
	if err := os.WriteFile(pem, d.github.CAPEM(), 0o644); err != nil {
		return nil, nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	plain := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Host = "api.github.com" // which a proxy that dials an address does not say
		d.github.ServeHTTP(w, r)
	}), ReadHeaderTimeout: patience}
	go plain.Serve(listener) // returns at Close
	relay, stopRelay := d.github.Relay()
	f.environ = []string{
		"STANDIN_ADDR=" + d.github.Addr(), "STANDIN_CA=" + pem, "STANDIN_PROXY=" + relay,
		"STANDIN_URL=http://" + listener.Addr().String(), "STANDIN_DIR=" + dir,
	}
	return f, func() { plain.Close(); stopRelay() }, nil
}

func (f *foreign) base() string {
	if f.baseURL != "" {
		return f.baseURL
	}
	return gitHubAPI
}

func (f *foreign) about() string {
	if f.proxy != nil {
		return "the proxy " + f.proxy.Redacted()
	}
	return "the reverse proxy " + f.baseURL
}

func (f *foreign) token(client int) string {
	if f.present != "" {
		return f.present
	}
	return f.direct.token(client)
}

func (f *foreign) transport(fl flavour) *http.Transport {
	if f.proxy == nil {
		return newTransport(fl, nil, f.roots)
	}
	return newTransport(fl, http.ProxyURL(f.proxy), f.roots)
}

// start runs the command, if there is one, and waits until somebody listens.
func (f *foreign) start(ctx context.Context) error {
	environ := append([]string{}, f.environ...)
	for i, c := range f.credentials {
		environ = append(environ, fmt.Sprintf("STANDIN_TOKEN_%d=%s", i+1, c.token()))
	}
	if f.command == "" {
		for _, line := range environ {
			fmt.Fprintln(f.stdout, line)
		}
		fmt.Fprintln(f.stdout, "Waiting for", f.about())
	} else {
		// exec, so that the signals that end it reach the proxy and not a shell.
		f.child = exec.Command("sh", "-c", "exec "+f.command)
		f.child.Env = append(os.Environ(), environ...)
		f.child.Stderr = f.stderr
		f.child.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := f.child.Start(); err != nil {
			return err
		}
	}
	return f.wait(ctx)
}

func (f *foreign) wait(ctx context.Context) error {
	at := f.proxy
	if at == nil {
		var err error
		if at, err = url.Parse(f.baseURL); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", at.Host)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("nobody listens at %s: %w", at.Host, err)
		}
	}
}

// stop ends what start has started.
func (f *foreign) stop() error {
	if f.child == nil {
		return nil
	}
	err := end(f.child)
	f.child = nil
	return err
}

// end stops a program as an operator does, and for good when it does not listen.
func end(cmd *exec.Cmd) error {
	cmd.Process.Signal(syscall.SIGTERM)
	giveUp := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	defer giveUp.Stop()
	err := cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ProcessState.Sys().(syscall.WaitStatus).Signal() == syscall.SIGTERM {
		return nil
	}
	return err
}

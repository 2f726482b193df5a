package daemon

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"octopool/mitm/config"
	"octopool/mitm/launch"
)

// listenProxy opens the listener that clients come to, or takes the given one, and says what
// TLS is to be spoken there; nil for none. That is HTTP/1.1 alone: tools send no CONNECT over
// HTTP/2.
func listenProxy(given net.Listener, p config.Places) (net.Listener, *tls.Config, error) {
	l, err := listen(given, "proxy.listen", p.ProxyListen)
	if err != nil || p.ProxyCert == "" {
		return l, nil, err
	}
	files := &certificateFiles{certificate: p.ProxyCert, key: p.ProxyKey}
	if _, err := files.current(); err != nil {
		l.Close()
		return nil, nil, config.Problem{Key: "proxy.certificate", Message: err.Error()}
	}
	return l, &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return files.current() },
	}, nil
}

// certificateFiles is a certificate in files that are written anew from time to time, as
// ACME clients do.
type certificateFiles struct {
	certificate, key string

	mu      sync.Mutex // guards what follows
	loaded  *tls.Certificate
	written time.Time // when the certificate's file was, that is loaded
}

// current is what the files hold, or, while they hold nothing of use, what they did.
func (f *certificateFiles) current() (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := os.Stat(f.certificate)
	if err == nil && f.loaded != nil && info.ModTime().Equal(f.written) {
		return f.loaded, nil
	}
	if err == nil {
		var pair tls.Certificate
		if pair, err = tls.LoadX509KeyPair(f.certificate, f.key); err == nil {
			f.loaded, f.written = &pair, info.ModTime()
		}
	}
	if f.loaded != nil {
		return f.loaded, nil // the other file is about to be written
	}
	return nil, err
}

// proxyURL is how programs reach a proxy listener. One with TLS is called by a name that
// its certificate is for: by its address, if it is for that, else by its first name.
func proxyURL(p config.Places, listen string) string {
	plain := launch.URL(listen)
	if p.ProxyCert == "" {
		return plain
	}
	secure := "https" + strings.TrimPrefix(plain, "http")
	pair, err := tls.LoadX509KeyPair(p.ProxyCert, p.ProxyKey)
	if err != nil {
		return secure // who uses it will be told more
	}
	host, port, err := net.SplitHostPort(strings.TrimPrefix(plain, "http://"))
	if err != nil || pair.Leaf.VerifyHostname(host) == nil {
		return secure
	}
	if name := firstName(pair.Leaf); name != "" {
		return "https://" + net.JoinHostPort(name, port)
	}
	return secure
}

// firstName is the first name of a certificate that names one host; "" for none.
func firstName(c *x509.Certificate) string {
	for _, name := range c.DNSNames {
		if !strings.HasPrefix(name, "*.") {
			return name
		}
	}
	return ""
}

// addresses are those of listeners, of which some may be nil.
func addresses(listeners ...net.Listener) []net.Addr {
	var out []net.Addr
	for _, l := range listeners {
		if l != nil {
			out = append(out, l.Addr())
		}
	}
	return out
}

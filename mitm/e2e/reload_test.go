package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A SIGHUP has the program read its file again: who is new there is served, who is gone is
// a stranger on the connection it has open, and a broken file is told everywhere and
// changes nothing. It goes on after each, in the same process, and no log, metric or
// status holds a token.
func TestSIGHUP(t *testing.T) {
	h := newHouse(t, build(t))
	whole := h.configuration() // and with it other tokens
	h.write("octopool.toml", whole)
	h.hup(`"msg":"configuration reloaded","why":"SIGHUP"`)
	web := h.browser()
	asks := func(client string, want int) {
		t.Helper()
		r, err := http.NewRequest(http.MethodGet, "https://api.github.com/repos/acme/web", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+h.clients[client])
		resp, err := web.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s is answered %d, want %d", client, resp.StatusCode, want)
		}
	}
	asks("ci", 200)
	asks("ops", 200)

	before, after, _ := strings.Cut(whole, "[[client]]\nname = \"ops\"")
	_, rest, _ := strings.Cut(after, "[[client]]")
	h.write("octopool.toml", before+"[[client]]"+rest+h.newClient("late"))
	h.hup(`"changed":["client late added","client ops removed"]`)
	asks("late", 200)
	asks("ops", 401)
	asks("ci", 200)

	h.write("octopool.toml", before+"[[client]]\nname = \"ci2\"\ncolour = \"green\"\n")
	line := filepath.Join(h.folder, "octopool.toml") + ":" + lineOf(before) + ": client[1].colour: unknown key"
	h.hup(`"why":"SIGHUP","problem":"` + line)
	asks("late", 200)
	if text := h.page("/metrics"); !strings.Contains(text, "\noctopool_config_last_reload_successful 0\n") {
		t.Error("/metrics does not tell of the broken file")
	}
	if text := h.page("/api/status"); !strings.Contains(text, line) {
		t.Errorf("/api/status does not tell of the broken file:\n%s", text)
	}
	// Whoever asks for the status may have no better file than the broken one.
	h.write("asks.toml", whole)
	told, err := exec.Command(filepath.Join(h.bin, "octopool"), "status", "--config", filepath.Join(h.folder, "asks.toml")).CombinedOutput()
	if err != nil || !strings.Contains(string(told), "Configuration: not reloaded") || !strings.Contains(string(told), line) {
		t.Errorf("octopool status: %v\n%s", err, told)
	}

	h.write("octopool.toml", whole)
	h.hup(`"changed":["client late removed","client ops added"]`)
	asks("ops", 200)
	if text := h.page("/metrics"); !strings.Contains(text, "\noctopool_config_last_reload_successful 1\n") {
		t.Error("/metrics does not tell that all is well again")
	}
	web.CloseIdleConnections()
	h.daemon.signal("TERM")
	if status := h.daemon.wait(t.Context()); status != "exited 0" {
		t.Errorf("after a SIGTERM octopool %s\n%s", status, h.daemon.log())
	}
	h.checkSecrets(string(told))
}

// lineOf is the third line behind a text.
func lineOf(before string) string { return fmt.Sprint(strings.Count(before, "\n") + 3) }

// hup sends a SIGHUP and waits until the log has this text behind what it had.
func (h *house) hup(text string) {
	h.t.Helper()
	had := len(h.daemon.log())
	if err := h.daemon.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		h.t.Fatal(err)
	}
	for end := time.Now().Add(startTime); !strings.Contains(h.daemon.log()[had:], text); h.page("/healthz") {
		if time.Now().After(end) {
			h.t.Fatalf("after a SIGHUP the log does not have %s:\n%s", text, h.daemon.log()[had:])
		}
	}
}

// page is what the admin listener shows.
func (h *house) page(path string) string {
	h.t.Helper()
	client := &http.Client{Timeout: startTime, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + h.daemon.adminAt + path)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		h.t.Fatalf("%s: %s %v", path, resp.Status, err)
	}
	return string(text)
}

// browser asks through octopool, over one connection as long as that is open.
func (h *house) browser() *http.Client {
	h.t.Helper()
	pem, err := os.ReadFile(filepath.Join(h.data, "ca.pem"))
	if err != nil {
		h.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	tr := &http.Transport{
		Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: h.daemon.proxyAt}), TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true,
	}
	h.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

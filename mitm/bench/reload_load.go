package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"octopool/mitm/githubtest"
)

// loadClients is how many clients make a steady load, each over one connection.
const loadClients = 4

// loadPaths is how many resources they read. One changes with every other request, so that
// budgets move all the time.
const loadPaths = 40

// A steadyLoad is requests at a rate, whatever becomes of each.
type steadyLoad struct {
	origin         *githubtest.Server
	asked, dialled atomic.Int64

	mu     sync.Mutex // guards failed
	failed map[string]int
}

func newSteadyLoad(github *githubtest.Server) *steadyLoad {
	l := &steadyLoad{origin: github, failed: map[string]int{}}
	for i := range loadPaths {
		l.change(i, 0)
	}
	return l
}

func (l *steadyLoad) change(i, n int) {
	l.origin.Set(fmt.Sprint("/bench/", i), fmt.Sprintf(`[{"id":%d,"version":%d}]`, i, n))
}

// load begins, and ends when stop is called, which returns when the last request was
// answered.
func (r *reloading) load(ctx context.Context, rate int) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	var clients []*http.Client
	for range loadClients {
		transport := r.transport(flavour{h2: true})
		transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			r.dialled.Add(1)
			var d net.Dialer
			return d.DialContext(ctx, network, addr)
		}
		clients = append(clients, &http.Client{Transport: transport, Timeout: patience})
	}
	for i, c := range clients { // so that the first requests do not make a connection each
		r.ask(c, i, 0)
	}
	all.Go(func() {
		tick := time.NewTicker(time.Second / time.Duration(rate))
		defer tick.Stop()
		for n := 1; ; n++ {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			path := rand.IntN(loadPaths)
			if n%2 == 0 {
				r.change(path, n)
			}
			all.Go(func() { r.ask(clients[n%loadClients], n%loadClients, path) })
		}
	})
	return func() {
		cancel()
		all.Wait()
		for _, c := range clients {
			c.CloseIdleConnections()
		}
	}
}

// ask sends one request. It has no deadline but that of a client's patience.
func (r *reloading) ask(c *http.Client, client, path int) {
	r.asked.Add(1)
	in, err := http.NewRequest(http.MethodGet, fmt.Sprint(gitHubAPI, "/bench/", path), nil)
	if err != nil {
		panic(err) // a bug: the URL is ours
	}
	in.Header = bearer(fleetToken(client))
	resp, err := c.Do(in)
	if err == nil {
		defer resp.Body.Close()
		_, err = io.Copy(io.Discard, resp.Body)
	}
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("answered %d", resp.StatusCode)
	}
	if err != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.failed[err.Error()]++
	}
}

// failures are how many requests failed, and an example of each way they did.
func (l *steadyLoad) failures() (n int, why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, text := range slices.Sorted(maps.Keys(l.failed)) {
		n += l.failed[text]
		why += fmt.Sprintf("(%d: %s) ", l.failed[text], text)
	}
	return n, why
}

// What is looked at: the points of all principals, and memory in bytes.
type looked struct{ counted, learned, spent, memory int }

func (l looked) mebibytes() float64 { return float64(l.memory) / (1 << 20) }

var spentLine = regexp.MustCompile(`(?m)^octopool_points_spent_total\{[^}]*resource="core"\} (\d+)$`)

// look asks GitHub, octopool and the kernel.
func (r *reloading) look() (l looked, err error) {
	for _, c := range r.credentials {
		l.counted += r.github.Used(c.login, "core")
	}
	text, err := r.page("/api/status")
	if err != nil {
		return l, err
	}
	var status struct {
		Pools []struct {
			Credentials []struct {
				Budgets map[string]struct{ Used int }
			}
		}
	}
	if err := json.Unmarshal(text, &status); err != nil {
		return l, err
	}
	for _, p := range status.Pools {
		for _, c := range p.Credentials {
			l.learned += c.Budgets["core"].Used
		}
	}
	if text, err = r.page("/metrics"); err != nil {
		return l, err
	}
	for _, m := range spentLine.FindAllSubmatch(text, -1) {
		n, _ := strconv.Atoi(string(m[1]))
		l.spent += n
	}
	text, err = os.ReadFile(fmt.Sprintf("/proc/%d/status", r.child.Process.Pid))
	if err != nil {
		return l, err
	}
	_, rest, _ := bytes.Cut(text, []byte("VmRSS:"))
	if _, err := fmt.Sscanf(string(rest), "%d kB", &l.memory); err != nil {
		return l, fmt.Errorf("no VmRSS: %w", err)
	}
	l.memory <<= 10
	return l, nil
}

func (r *reloading) page(path string) ([]byte, error) { return fetch("http://" + r.admin + path) }

// fetch is a page of an admin listener.
func fetch(url string) ([]byte, error) {
	resp, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(resp.Body)
}

// anAddr is a loopback address that nobody listens at.
func anAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestMain makes this program one of the proxies below, when it is started as one.
func TestMain(m *testing.M) {
	if kind := os.Getenv("BENCH_TEST_PROXY"); kind != "" {
		fmt.Fprintln(os.Stderr, serveProxy(kind, os.Getenv("BENCH_TEST_ADDR")))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// serveProxy is a proxy that is good for nothing, in one of several ways.
func serveProxy(kind, addr string) error {
	if kind == "connect" {
		return http.ListenAndServe(addr, http.HandlerFunc(tunnel))
	}
	var cache sync.Map // of what was fetched, by URL
	return http.ListenAndServe(addr, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if kept, ok := cache.Load(r.URL.String()); ok && kind == "stale" {
			w.Write(kept.([]byte))
			return
		}
		out, err := http.NewRequest(http.MethodGet, os.Getenv("STANDIN_URL")+r.URL.String(), nil)
		if err != nil {
			panic(err)
		}
		for _, name := range []string{"Accept", "Authorization", "User-Agent"} {
			out.Header[name] = r.Header[name]
		}
		resp, err := http.DefaultTransport.RoundTrip(out)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			panic(err)
		}
		if kind == "corrupt" && len(body) > 0 && resp.StatusCode == http.StatusOK {
			body[len(body)-1] = '!'
		}
		if resp.StatusCode == http.StatusOK {
			cache.Store(r.URL.String(), body)
		}
		w.WriteHeader(resp.StatusCode)
		w.Write(body)
	}))
}

// tunnel answers CONNECT, whatever it names, with a way to the stand-in.
func tunnel(w http.ResponseWriter, _ *http.Request) {
	server, err := net.Dial("tcp", os.Getenv("STANDIN_ADDR"))
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer server.Close()
	client, early, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	defer client.Close()
	io.WriteString(client, "HTTP/1.1 200 OK\r\n\r\n")
	go io.Copy(server, bufio.NewReader(early))
	io.Copy(client, server)
}

// small is an hour that takes two seconds.
func small(more ...string) []string {
	return append([]string{"ci-hour", "--length", "2m", "--scale", "60", "--clients", "8", "--resources", "40", "--requests", "400"}, more...)
}

// figures are the numbers of the table by the names of their rows.
func figures(t *testing.T, table string) map[string]float64 {
	t.Helper()
	all := map[string]float64{}
	for _, row := range regexp.MustCompile(`(?m)^ {0,2}(\S.*?) {2,}([0-9.]+)\b`).FindAllStringSubmatch(table, -1) {
		n, err := strconv.ParseFloat(row[2], 64)
		if err != nil {
			t.Fatal(err)
		}
		all[row[1]] = n
	}
	return all
}

func bench1(t *testing.T, args ...string) (status int, table map[string]float64, told string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	status = run(t.Context(), args, &stdout, &stderr)
	t.Logf("status %d\n%s%s", status, stdout.String(), stderr.String())
	return status, figures(t, stdout.String()), stderr.String()
}

// through is the flags for a proxy of serveProxy.
func through(t *testing.T, flag, kind string) []string {
	t.Helper()
	addr := freeAddr(t)
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	at := &url.URL{Scheme: "http", Host: addr}
	return small(flag, at.String(), "--run", fmt.Sprintf("env BENCH_TEST_PROXY=%s BENCH_TEST_ADDR=%s %s", kind, addr, program))
}

// freeAddr is an address that nobody listens to, of a loopback address of its own, so
// that none takes it between two lives of a proxy.
func freeAddr(t *testing.T) string {
	t.Helper()
	ip := net.IPv4(127, byte(1+rand.IntN(254)), byte(rand.IntN(256)), byte(rand.IntN(256)))
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: ip})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// octopool gives no answer that was not true. What its changes cost depends on how busy
// the machine is that tests run on, so this says little of it.
func TestTheHourOfOctopool(t *testing.T) {
	t.Parallel()
	octopool := filepath.Join(t.TempDir(), "octopool")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", octopool, "octopool")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	_, table, told := bench1(t, append([]string{"--octopool", octopool}, small("--accept", "application/json")...)...)
	if table["requests"] != 400 || table["failed"] != 0 || table["stale answers"] != 0 || table["corrupt answers"] != 0 {
		t.Errorf("the table says otherwise: %s", told)
	}
	if table["304"] == 0 || table["points spent"] != table["200"] || table["points ÷ changes"] > 1.5 {
		t.Error("revalidation does not seem to work")
	}
}

// A benchmark that cannot fail shows nothing.
func TestTheHourFindsOut(t *testing.T) {
	for _, tt := range []struct {
		kind, flag, told string
		right            func(map[string]float64) bool
	}{
		{"stale", "--base-url", " stale answers", func(f map[string]float64) bool { return f["stale answers"] > 0 && f["corrupt answers"] == 0 }},
		{"corrupt", "--base-url", " corrupt answers", func(f map[string]float64) bool { return f["corrupt answers"] == 400 }},
		{"dear", "--base-url", " points for each change seen", func(f map[string]float64) bool {
			return f["stale answers"]+f["corrupt answers"] == 0 && f["points spent"] >= 400
		}},
		{"connect", "--proxy", " points for each change seen", func(f map[string]float64) bool {
			return f["stale answers"]+f["corrupt answers"] == 0 && f["points spent"] >= 400
		}},
	} {
		t.Run(tt.kind, func(t *testing.T) {
			t.Parallel()
			status, table, told := bench1(t, through(t, tt.flag, tt.kind)...)
			if status != 1 || !strings.Contains(told, tt.told) || !tt.right(table) {
				t.Errorf("it was not found out to be %s", tt.kind)
			}
		})
	}
}

// Without a proxy the one token's budget ends, and that is told.
func TestTheHourWithoutAProxy(t *testing.T) {
	t.Parallel()
	status, table, told := bench1(t, small("--direct", "--points", "150")...)
	if status != 1 || table["points spent"] == 0 || table["points spent"] > 150 || table["refused by a limit"] == 0 || !strings.Contains(told, " of 400 requests without an answer") {
		t.Error("want at most 150 points spent, and the rest refused")
	}
}

// What a body was, it was from the beginning of the call that made it to the end of the
// one that ended it; what lies between is nobody's fault.
func TestJudge(t *testing.T) {
	at := func(second int) time.Time { return time.Unix(int64(second), 0) }
	a, b := digest{1}, digest{2}
	h := history{times: make([][len(viewers)][]version, 1)}
	h.add(0, 0, a, time.Time{}, time.Time{})
	h.add(0, 0, a, at(4), at(5)) // changed nothing
	h.add(0, 0, b, at(10), at(12))
	for _, tt := range []struct {
		name         string
		body         digest
		began, ended int
		want         verdict
	}{
		{"before the change", a, 1, 2, current},
		{"while it is made", a, 11, 11, current},
		{"made meanwhile", b, 11, 11, current},
		{"asked before, answered after", a, 1, 20, current},
		{"too late", a, 13, 14, stale},
		{"too early", b, 1, 9, stale},
		{"never", digest{3}, 1, 20, corrupt},
	} {
		if got := h.judge(0, tt.body, at(tt.began), at(tt.ended)); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

// A plan follows from its seed.
func TestPlan(t *testing.T) {
	s := size{length: time.Hour, clients: 50, resources: 2000, requests: 20000, changes: 1, seed: 1}
	one, same := newPlan(s), newPlan(s)
	s.seed = 2
	other := newPlan(s)
	visits, jobs := 0, 0
	for _, all := range one.visits {
		visits += len(all)
		for _, v := range all {
			if v.newJob {
				jobs++
			}
		}
	}
	if visits != 20000 || jobs < 500 || len(one.resources) != 2000 || len(one.changes) < 3600 || len(one.changes) > 3700 {
		t.Errorf("%d visits in %d jobs to %d resources, %d changes", visits, jobs, len(one.resources), len(one.changes))
	}
	text := func(p *plan) string { return fmt.Sprint(p.visits, p.changes) }
	if text(one) != text(same) || text(one) == text(other) {
		t.Error("the seed does not decide")
	}
	targets := map[string]bool{}
	for _, r := range one.resources {
		targets[r.target] = true
	}
	if len(targets) != len(one.resources) {
		t.Errorf("%d different URLs of %d", len(targets), len(one.resources))
	}
}

func TestUsage(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want int
	}{
		{nil, 0}, {[]string{"ci-hour", "--help"}, 0}, {[]string{"nothing"}, 2}, {[]string{"ci-hour", "--nothing"}, 2},
		{[]string{"ci-hour", "more"}, 2}, {[]string{"ci-hour", "--direct", "--proxy", "http://a"}, 2}, {[]string{"ci-hour", "--scale", "0"}, 2},
		{[]string{"fresh-hit", "--clients", "0"}, 2}, {[]string{"revalidated", "--turn", "1h"}, 2},
	} {
		if got := run(t.Context(), tt.args, io.Discard, io.Discard); got != tt.want {
			t.Errorf("%q: %d, want %d", tt.args, got, tt.want)
		}
	}
}

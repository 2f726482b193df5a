package store

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestRedisURLs(t *testing.T) {
	type meaning struct {
		Addrs                  []string
		User, Password         string
		DB                     int
		TLS, Unix, Uncached    bool
		MasterSet, SentinelTLS string
	}
	for url, want := range map[string]meaning{
		"redis://127.0.0.1":                 {Addrs: []string{"127.0.0.1:6379"}},
		"valkey://[::1]:7000":               {Addrs: []string{"[::1]:7000"}},
		"redis://user:p%40ss%2Fw@host/2":    {Addrs: []string{"host:6379"}, User: "user", Password: "p@ss/w", DB: 2},
		"redis://:secret@host":              {Addrs: []string{"host:6379"}, Password: "secret"},
		"rediss://host:1?client_cache=0":    {Addrs: []string{"host:1"}, TLS: true, Uncached: true},
		"unix://u:p@/run/redis.sock?db=3":   {Addrs: []string{"/run/redis.sock"}, User: "u", Password: "p", DB: 3, Unix: true},
		"redis://a:1?addr=b:2&addr=c:3":     {Addrs: []string{"a:1", "b:2", "c:3"}},
		"redis://a:1?addr=b:2&master_set=m": {Addrs: []string{"a:1", "b:2"}, MasterSet: "m"},
		"rediss://a:1?master_set=m":         {Addrs: []string{"a:1"}, MasterSet: "m", TLS: true, SentinelTLS: "a"},
	} {
		o, err := parseRedisURL(url)
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		got := meaning{
			Addrs: o.InitAddress, User: o.Username, Password: o.Password, DB: o.SelectDB,
			TLS: o.TLSConfig != nil, Unix: o.DialCtxFn != nil, Uncached: o.DisableCache, MasterSet: o.Sentinel.MasterSet,
		}
		if o.Sentinel.MasterSet != "" && o.Sentinel.TLSConfig != nil {
			got.SentinelTLS = o.Sentinel.TLSConfig.ServerName
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", url, diff)
		}
	}
}

// The error for a bad URL says what is wrong and holds nothing of it, wherever in a
// misspelt URL the password may be.
func TestRedisURLErrors(t *testing.T) {
	for url, want := range map[string]string{
		"":                                "redis url: must begin with redis://, rediss:// or unix://",
		"127.0.0.1:6379":                  "redis url: not a URL; special characters in a password must be percent-encoded",
		"http://:hunter2@host":            "redis url: must begin with redis://, rediss:// or unix://",
		"hunter2":                         "redis url: must begin with redis://, rediss:// or unix://",
		"redis://":                        "redis url: no host",
		"redis://:hunter2@":               "redis url: no host",
		"redis://user:hunter2/x@host":     "redis url: not a URL; special characters in a password must be percent-encoded",
		"redis://user:hunter2%zz@host":    "redis url: not a URL; special characters in a password must be percent-encoded",
		"redis://user:1/hunter2@host":     "redis url: invalid database number",
		"redis://user:hunter2@host/a/b":   "redis url: invalid URL path",
		"redis://user:hunter2@host?db=x":  "redis url: invalid database number",
		"redis://h?dial_timeout=hunter2":  "redis url: invalid dial timeout",
		"redis://h?write_timeout=hunter2": "redis url: invalid write timeout",
		"rediss://h?skip_verify=hunter2":  "redis url: invalid skip verify",
		"redis://user:hunter2\n@host":     "redis url: not a URL; special characters in a password must be percent-encoded",
		"redis://user:hunter2@host:port":  "redis url: not a URL; special characters in a password must be percent-encoded",
		"redis://user:hunter2@[::1":       "redis url: not a URL; special characters in a password must be percent-encoded",
	} {
		r, err := OpenRedis(RedisOptions{URL: url})
		if err == nil {
			r.Close()
			t.Errorf("%q opened", url)
		} else if got := err.Error(); got != want || strings.Contains(got, "hunter2") {
			t.Errorf("%q: %s", url, got)
		}
	}
}

// FuzzRedisURL claims that no error holds a password.
func FuzzRedisURL(f *testing.F) {
	f.Add("redis://:", "@host/1?db=2")
	f.Add("redis://a:1/", "/b")
	f.Fuzz(func(t *testing.T, before, after string) {
		const secret = "hunter2hunter2"
		if _, err := parseRedisURL(before + secret + after); err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%q: %v", before+secret+after, err)
		}
	})
}

// What is written and read through every kind of address.
func tryOut(t *testing.T, url string) {
	t.Helper()
	a, b := openRedis(t, url), openRedis(t, url)
	put(a, aKey, "body", noon)
	untilViews(t, b, aKey, "body")
	for _, s := range []*Redis{a, b} {
		if got := s.Stats(); got.Errors != 0 {
			t.Errorf("%+v", got)
		}
	}
}

func TestRedisPasswordAndDatabase(t *testing.T) {
	server := startRedis(t)
	server.do(t, "ACL", "SETUSER", "octopool", "on", ">w:rd", "~octopool:*", "+@read", "+@write", "+@scripting", "+@connection")
	server.do(t, "CONFIG", "SET", "requirepass", "p@ss")
	tryOut(t, "redis://:p%40ss@"+server.addr()+"/3")
	tryOut(t, "redis://octopool:w%3Ard@"+server.addr()+"/5")

	var log strings.Builder
	s := openRedisWith(t, RedisOptions{URL: "redis://:hunter2@" + server.addr(), Log: logTo(&log)})
	lookUpAway(t, s)
	s.Close()
	if !strings.Contains(log.String(), "WRONGPASS") || strings.Contains(log.String(), "hunter2") {
		t.Error(log.String())
	}
}

func TestRedisUnixSocket(t *testing.T) {
	dir, err := os.MkdirTemp("", "") // t.TempDir() is too long a name for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	startRedis(t, "--unixsocket", filepath.Join(dir, "redis.sock"))
	tryOut(t, "unix://"+filepath.Join(dir, "redis.sock"))
}

func TestRedisTLS(t *testing.T) {
	certificate, key := selfSigned(t)
	port := freePort(t)
	startRedis(t, "--tls-port", port, "--tls-cert-file", certificate, "--tls-key-file", key,
		"--tls-ca-cert-file", certificate, "--tls-auth-clients", "no")
	tryOut(t, "rediss://"+redisHost+":"+port+"?skip_verify=true")

	var log strings.Builder
	s := openRedisWith(t, RedisOptions{URL: "rediss://" + redisHost + ":" + port, Log: logTo(&log)})
	lookUpAway(t, s)
	s.Close()
	if !strings.Contains(log.String(), "certificate") {
		t.Errorf("a certificate nobody vouched for was taken: %s", log.String())
	}
}

func selfSigned(t *testing.T) (certificate, key string) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	return write("redis.pem", "CERTIFICATE", der), write("redis.key", "PRIVATE KEY", pkcs8)
}

// In a cluster a URL's views and bodies lie on one node, so that every claim holds there
// as well.
func TestRedisCluster(t *testing.T) {
	// A closed client of rueidis may take five seconds more to close what it dialed twice.
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { until(t, "rueidis is done", func() bool { return goleak.Find(before) == nil }) })
	var nodes []*redisServer
	for i := range 3 {
		node := startRedis(t, "--cluster-enabled", "yes", "--cluster-port", freePort(t), "--cluster-announce-ip", redisHost)
		node.do(t, "CLUSTER", "ADDSLOTSRANGE", fmt.Sprint(i*5461+min(i, 1)), fmt.Sprint((i+1)*5461))
		nodes = append(nodes, node)
	}
	for _, node := range nodes[1:] {
		bus, err := node.do(t, "CONFIG", "GET", "cluster-port").AsStrMap()
		if err != nil {
			t.Fatal(err)
		}
		nodes[0].do(t, "CLUSTER", "MEET", redisHost, node.port, bus["cluster-port"])
	}
	for _, node := range nodes {
		until(t, "the cluster works", func() bool {
			info, err := node.do(t, "CLUSTER", "INFO").ToString()
			return err == nil && strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_known_nodes:3")
		})
	}
	url := nodes[0].url() + "?addr=" + nodes[1].addr()
	testStore(t, func(t *testing.T) Store {
		for _, node := range nodes {
			node.do(t, "FLUSHALL")
		}
		return openRedis(t, url)
	})
	s := openRedis(t, url)
	for i := range 100 {
		put(s, Key{Path: fmt.Sprint(i)}, "body", noon)
	}
	s.outbox.settle()
	for _, node := range nodes {
		if n, err := node.do(t, "DBSIZE").AsInt64(); err != nil || n == 0 {
			t.Errorf("a node has %d keys, %v", n, err)
		}
	}
	if got := s.Purge(func(Key) bool { return true }); got != 100 || s.Stats().Errors != 0 {
		t.Errorf("purged %d, %+v", got, s.Stats())
	}
	if _, err := s.Board("b").Others(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestRedisSentinel(t *testing.T) {
	master := startRedis(t)
	port := freePort(t)
	config := filepath.Join(t.TempDir(), "sentinel.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, "bind %s\nport %s\nsentinel monitor mymaster %s %s 1\n", redisHost, port, redisHost, master.port), 0o600); err != nil {
		t.Fatal(err)
	}
	sentinel := &redisServer{port: port, args: []string{config, "--sentinel"}}
	sentinel.start(t)
	t.Cleanup(sentinel.kill)
	tryOut(t, sentinel.url()+"?master_set=mymaster")
}

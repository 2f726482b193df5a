// Package config is octopool's configuration: what may be set, what is assumed, and
// what is wrong with it. It parses no file: a parser hands it a tree of keys and values,
// and it says what they mean, or on which line of the text they mean nothing.
package config

import (
	"net"
	"time"
)

// A File is the configuration as it is written. config.example.toml is its manual.
type File struct {
	DataDir    string       `toml:"data_dir"`
	Proxy      Proxy        `toml:"proxy"`
	Admin      Admin        `toml:"admin"`
	CA         CA           `toml:"ca"`
	Cache      Cache        `toml:"cache"`
	Policy     Policy       `toml:"policy"`
	Tunnel     Tunnel       `toml:"tunnel"`
	GitHub     []GitHub     `toml:"github"`
	Credential []Credential `toml:"credential"`
	Client     []Client     `toml:"client"`
}

// Proxy is the listener that clients name in HTTPS_PROXY.
type Proxy struct {
	Listen string `toml:"listen"`
}

// Admin is the listener that operators read.
type Admin struct {
	Listen string `toml:"listen"` // "" for none
	Token  string `toml:"token"`  // a reference; "" asks for none
}

// CA names an existing authority; without it one is made in the data folder.
type CA struct {
	Certificate string `toml:"certificate"` // file:PATH
	Key         string `toml:"key"`         // file:PATH
}

// Cache says where representations are kept and for how long.
type Cache struct {
	Backend  string   `toml:"backend"` // badger, memory or off
	TTL      Duration `toml:"ttl"`
	MaxEntry Size     `toml:"max_entry"`
	FreshFor Duration `toml:"fresh_for"`
}

// Policy is what happens to requests without a registered token.
type Policy struct {
	Anonymous string `toml:"anonymous"`
	Unknown   string `toml:"unknown"`
}

// Tunnel says which hosts that are not intercepted may be reached.
type Tunnel struct {
	Allow   []string `toml:"allow"` // nil is to be assumed from the listener
	Deny    []string `toml:"deny"`
	Ports   []int    `toml:"ports"`
	Private bool     `toml:"private"`
}

// GitHub is one GitHub whose hosts are intercepted.
type GitHub struct {
	Host   string `toml:"host"`
	Git    *bool  `toml:"git"` // nil is true
	Dial   string `toml:"dial"`
	CAFile string `toml:"ca_file"`
}

// Credential is one member of a pool.
type Credential struct {
	Name   string   `toml:"name"`
	Pool   string   `toml:"pool"`
	GitHub string   `toml:"github"` // the host of a [[github]]; may be left out when there is one
	PAT    string   `toml:"pat"`    // a reference
	Owners []string `toml:"owners"`
}

// Client is who may use the proxy.
type Client struct {
	Name        string   `toml:"name"`
	TokenSHA256 string   `toml:"token_sha256"`
	Token       string   `toml:"token"` // a reference
	Pool        string   `toml:"pool"`
	Scopes      []string `toml:"scopes"`
}

// Default is the configuration without a file.
func Default() File {
	return File{
		Proxy:  Proxy{Listen: "127.0.0.1:8080"},
		Admin:  Admin{Listen: "127.0.0.1:9090"},
		Cache:  Cache{Backend: "badger", TTL: Duration(720 * time.Hour), MaxEntry: 8 << 20},
		Policy: Policy{Anonymous: "passthrough", Unknown: "reject"},
		Tunnel: Tunnel{Ports: []int{443}},
	}
}

// defaultPool is the pool of those that name none.
const defaultPool = "default"

// fill completes what the file leaves to be assumed from the rest of it.
func (f *File) fill() {
	if len(f.GitHub) == 0 {
		f.GitHub = []GitHub{{Host: "github.com"}}
	}
	if f.Tunnel.Allow == nil {
		f.Tunnel.Allow = []string{"github"}
		if isLoopback(f.Proxy.Listen) {
			f.Tunnel.Allow = []string{"*"}
		}
	}
	for i := range f.Credential {
		c := &f.Credential[i]
		if c.Pool == "" {
			c.Pool = defaultPool
		}
		if c.GitHub == "" && len(f.GitHub) == 1 {
			c.GitHub = f.GitHub[0].Host
		}
	}
	for i := range f.Client {
		if f.Client[i].Pool == "" {
			f.Client[i].Pool = defaultPool
		}
	}
}

// isLoopback reports whether a listener can be reached from this machine only.
func isLoopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

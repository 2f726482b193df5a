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
	Mint       Mint         `toml:"mint"`
	Log        Log          `toml:"log"`
	Audit      Audit        `toml:"audit"`
	CA         CA           `toml:"ca"`
	Cache      Cache        `toml:"cache"`
	Pool       Pool         `toml:"pool"`
	Policy     Policy       `toml:"policy"`
	Tunnel     Tunnel       `toml:"tunnel"`
	Limits     ClientLimits `toml:"limits"`
	GitHub     []GitHub     `toml:"github"`
	Credential []Credential `toml:"credential"`
	Client     []Client     `toml:"client"`
}

// Proxy is the listener that clients name in HTTPS_PROXY.
type Proxy struct {
	Listen       string `toml:"listen"`
	TLS          bool   `toml:"tls"`
	Certificate  string `toml:"certificate"` // file:PATH; of the listener itself
	Key          string `toml:"key"`         // file:PATH
	RequireAuth  bool   `toml:"require_auth"`
	PlainBaseURL bool   `toml:"plain_base_url"`
	Upstream     string `toml:"upstream"` // a reference, or the URL itself if it has no password
}

// Admin is the listener that operators read.
type Admin struct {
	Listen string `toml:"listen"` // "" for none
	Token  string `toml:"token"`  // a reference; "" asks for none
}

// Log is what is written to standard error.
type Log struct {
	Level string `toml:"level"` // info, warn or error
}

// CA names an existing authority; without it one is made in the data folder.
type CA struct {
	Certificate string `toml:"certificate"` // file:PATH
	Key         string `toml:"key"`         // file:PATH
}

// Cache says where representations are kept and for how long.
type Cache struct {
	Backend         string   `toml:"backend"`   // badger, redis, memory or off
	URL             string   `toml:"url"`       // of Redis: a reference, or the URL itself if it has no password
	MaxBytes        *Size    `toml:"max_bytes"` // nil is to be assumed from the backend
	MaxEntry        Size     `toml:"max_entry"`
	TTL             Duration `toml:"ttl"`
	FreshFor        Duration `toml:"fresh_for"`
	StaleIfError    Duration `toml:"stale_if_error"`
	NegativeFor     Duration `toml:"negative_for"`
	GraphQLFreshFor Duration `toml:"graphql_fresh_for"`
	Fresh           []Fresh  `toml:"fresh"`
}

// Fresh is FreshFor of some paths.
type Fresh struct {
	Path string    `toml:"path"` // a pattern, as in a scope
	For  *Duration `toml:"for"`
}

// Pool is what holds for the credentials of all pools.
type Pool struct {
	MaxWait Duration `toml:"max_wait"`
}

// Policy is what happens to requests without a registered token.
type Policy struct {
	Anonymous string `toml:"anonymous"`
	Unknown   string `toml:"unknown"`

	ReportOnly bool `toml:"report_only"`
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
	Limits Limits `toml:"limits"`
}

// Limits are those of a principal besides its budgets. 0 is none; nil is what that
// GitHub is known to have.
type Limits struct {
	InFlight               *int `toml:"in_flight"`
	PointsPerMinute        *int `toml:"points_per_minute"`
	GraphQLPointsPerMinute *int `toml:"graphql_points_per_minute"`
	CreationsPerMinute     *int `toml:"creations_per_minute"`
	CreationsPerHour       *int `toml:"creations_per_hour"`
}

// Credential is one member of a pool: a personal access token or a GitHub App.
type Credential struct {
	Name           string   `toml:"name"`
	Pool           string   `toml:"pool"`
	GitHub         string   `toml:"github"` // the host of a [[github]]; may be left out when there is one
	PAT            string   `toml:"pat"`    // a reference
	AppID          *int64   `toml:"app_id"`
	ClientID       string   `toml:"client_id"`       // of the App; says what AppID says
	PrivateKey     string   `toml:"private_key"`     // a reference to a PEM
	InstallationID *int64   `toml:"installation_id"` // nil is every installation of the App
	Owners         []string `toml:"owners"`
}

// Client is who may use the proxy.
type Client struct {
	Name            string            `toml:"name"`
	TokenSHA256     string            `toml:"token_sha256"`
	Token           string            `toml:"token"` // a reference
	Pool            string            `toml:"pool"`
	Scopes          []string          `toml:"scopes"`
	ReportOnly      bool              `toml:"report_only"`
	RequestsPerHour *int              `toml:"requests_per_hour"`
	Concurrency     *int              `toml:"concurrency"`
	WritesAs        string            `toml:"writes_as"`    // the name of a credential
	Repositories    []string          `toml:"repositories"` // OWNER/NAME
	Permissions     map[string]string `toml:"permissions"`  // level by name
	OIDC            *OIDC             `toml:"oidc"`         // instead of a token
}

// Default is the configuration without a file.
func Default() File {
	return File{
		Proxy:  Proxy{Listen: "127.0.0.1:8080"},
		Admin:  Admin{Listen: "127.0.0.1:9090"},
		Mint:   Mint{Enabled: true, MaxTTL: Duration(24 * time.Hour)},
		Log:    Log{Level: "info"},
		Audit:  Audit{MaxBytes: 64 << 20, Keep: 10},
		Cache:  Cache{Backend: "badger", TTL: Duration(720 * time.Hour), MaxEntry: 8 << 20},
		Pool:   Pool{MaxWait: Duration(10 * time.Second)},
		Policy: Policy{Anonymous: "passthrough", Unknown: "reject"},
		Tunnel: Tunnel{Ports: []int{443}},
		Limits: defaultLimits,
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
	if f.Cache.MaxBytes == nil {
		f.Cache.MaxBytes = maxBytesOf(f.Cache.Backend)
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

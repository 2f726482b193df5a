package config

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"octopool/mitm"
	"octopool/policy"
)

// CacheSettings say where representations are kept, and when they may be served.
type CacheSettings struct {
	Backend  string        // badger, redis, memory or off
	URL      policy.Secret // of Redis; zero for the other backends
	MaxBytes int64         // of disk or memory; 0 for Redis, which bounds itself
	TTL      time.Duration // what is unused this long is dropped

	mitm.Tuning
}

// MemoryBytes is how much is kept in memory if no other bound is set.
const MemoryBytes = 256 << 20

// leastOnDisk is what Badger takes with next to nothing in it.
const leastOnDisk = 64 << 20

// maxBytesOf is the bound of a backend if no other is set.
func maxBytesOf(backend string) *Size {
	size := Size(0)
	switch backend {
	case "badger":
		size = 2 << 30
	case "memory":
		size = MemoryBytes
	default:
		return nil
	}
	return &size
}

func (s *settler) caching(c Cache) CacheSettings {
	out := CacheSettings{
		Backend: c.Backend,
		URL:     s.redisURL(c),
		TTL:     time.Duration(c.TTL),
		Tuning: mitm.Tuning{
			MaxEntry:        int64(c.MaxEntry),
			FreshFor:        time.Duration(c.FreshFor),
			StaleIfError:    time.Duration(c.StaleIfError),
			NegativeFor:     time.Duration(c.NegativeFor),
			GraphQLFreshFor: time.Duration(c.GraphQLFreshFor),
		},
	}
	if !slices.Contains([]string{"badger", "redis", "memory", "off"}, c.Backend) {
		s.wrong("cache.backend", "%q is not badger, redis, memory or off", c.Backend)
	}
	if c.MaxEntry == 0 {
		s.wrong("cache.max_entry", "must be more than 0; to store nothing set cache.backend = \"off\"")
	}
	switch {
	case c.MaxBytes == nil:
	case c.Backend == "redis":
		s.wrong("cache.max_bytes", "Redis bounds itself: set its maxmemory, and leave this out")
	case c.Backend == "off":
		s.wrong("cache.max_bytes", "nothing is kept with cache.backend = \"off\"")
	case c.Backend == "badger" && *c.MaxBytes < leastOnDisk:
		s.wrong("cache.max_bytes", "badger needs 64MiB or more")
	case *c.MaxBytes < c.MaxEntry:
		s.wrong("cache.max_bytes", "is less than cache.max_entry: what may be kept must have room")
	default:
		out.MaxBytes = int64(*c.MaxBytes)
	}
	for i, rule := range c.Fresh {
		at := fmt.Sprintf("cache.fresh[%d]", i)
		if rule.For == nil {
			s.wrong(at, "a [[cache.fresh]] needs for, a duration such as \"30s\"")
			continue
		}
		if scope, ok := s.reads(at, rule.Path); ok {
			out.Fresh = append(out.Fresh, mitm.Freshness{Paths: scope, For: time.Duration(*rule.For)})
		}
	}
	return out
}

// reads is the scope of who may read the paths of a pattern.
func (s *settler) reads(at, pattern string) (policy.Scope, bool) {
	if pattern == "" {
		s.wrong(at, "a [[cache.fresh]] needs a path, a pattern such as \"/repos/*/*/releases/**\"")
		return policy.Scope{}, false
	}
	scope, err := policy.ParseScope("read " + pattern)
	switch inner := errors.Unwrap(err); {
	case err == nil && scope.GitHub() != "":
		s.wrong(at+".path", "%q: leave %s out, a path is that of every GitHub", pattern, scope.GitHub())
	case err == nil:
		return scope, true
	case inner == nil: // there are not just two words
		s.wrong(at+".path", "%q is not a pattern such as \"/repos/*/*/releases/**\"", pattern)
	default:
		s.wrong(at+".path", "%v", inner)
	}
	return policy.Scope{}, false
}

// redisURL is where Redis is. With a password it is a secret like others.
func (s *settler) redisURL(c Cache) policy.Secret {
	const key = "cache.url"
	switch {
	case c.Backend != "redis" && c.URL != "":
		s.wrong(key, "is for cache.backend = \"redis\" alone")
		return policy.Secret{}
	case c.Backend != "redis":
		return policy.Secret{}
	case c.URL == "":
		s.wrong("cache.backend", "redis needs cache.url, such as \"redis://127.0.0.1:6379\"")
		return policy.Secret{}
	}
	secret := policy.NewSecret(c.URL)
	referred := strings.HasPrefix(c.URL, "env:") || strings.HasPrefix(c.URL, "file:")
	if referred {
		if secret = s.secret(key, c.URL); secret.IsZero() {
			return secret
		}
	}
	where, err := url.Parse(secret.Reveal())
	switch {
	case err != nil, !slices.Contains([]string{"redis", "rediss", "valkey", "valkeys", "unix"}, where.Scheme),
		where.Scheme != "unix" && where.Hostname() == "":
		s.wrong(key, "want redis://HOST:PORT, rediss://HOST:PORT or unix://PATH, or a reference to one; special characters of a password must be percent-encoded")
	case where.User != nil && !referred:
		s.wrong(key, "the user and password of Redis are secrets: write env:NAME or file:PATH, where the whole URL is")
	}
	return secret
}

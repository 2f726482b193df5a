package config

import (
	"strings"
	"testing"
)

const numbered = `data_dir = "x" # 1
[proxy]
  listen="127.0.0.1:1"
# [cache]
# ttl = "1h"
[ cache ]
ttl = "1h"
"fresh_for" = "0s"

[[client]] # 10
name = "a"
scopes = [
  "read /a = b", # "not this one"
  'read /c', "read /d",

  "read /[e]",
]
pool = "p"
[[client]]
name = "b" # 20
scopes = ["x", "y"]
tunnel.ports = [1,
  2]
after = [{ a = "x" }]
  [client.permissions] # 25
  contents = "read"
[[github]]
host = "a"
[[github]]
limits = { in_flight = 1 } # 30
[github.limits]
points = 2
[[cache.fresh]]
path = "/a"
[[cache.fresh]] # 35
path = "/b"
[[client.a]]
[[client.a]]
[[client]]
[[client.a]] # 40
[client.a.b]
c = 1
`

func TestTheLineOfAKey(t *testing.T) {
	l := linesOf(numbered)
	for key, want := range map[string]int{
		"data_dir":                       1,
		"proxy":                          2,
		"proxy.listen":                   3,
		"cache.ttl":                      7,
		"cache.fresh_for":                8,
		"cache.backend":                  6, // its table's
		"client":                         10,
		"client[0].name":                 11,
		"client[0].scopes":               12,
		"client[0].scopes[0]":            13,
		"client[0].scopes[1]":            14,
		"client[0].scopes[2]":            14,
		"client[0].scopes[3]":            16,
		"client[0].pool":                 18,
		"client[0].token":                10,
		"client[1]":                      19,
		"client[1].name":                 20,
		"client[1].scopes[1]":            21,
		"client[1].after":                24,
		"client[1].after[0].a":           24,
		"client[1].permissions.contents": 26,
		"client[1].permissions.issues":   25,
		"github[0].limits.in_flight":     27, // the table is the second one's
		"github[1].limits.in_flight":     30,
		"github[1].limits.points":        32,
		"cache.fresh[0].path":            34,
		"cache.fresh[1].path":            36,
		"cache.fresh[1].for":             35,
		"client[1].a[1]":                 38,
		"client[2].a[0]":                 40,
		"client[2].a[0].b.c":             42,
		"client[7].name":                 10,
		"nothing":                        0,
		"":                               0,
	} {
		if got := l.of(key); got != want {
			t.Errorf("%s is on line %d, want %d", key, got, want)
		}
	}
}

// FuzzLines shows that no text is too odd: every key has a line that is there.
func FuzzLines(f *testing.F) {
	f.Add(numbered)
	f.Add("a=[\n[b]\n")
	f.Fuzz(func(t *testing.T, text string) {
		l := linesOf(text)
		for key, n := range l {
			if n < 1 || n > strings.Count(text, "\n")+1 || l.of(key) != n {
				t.Errorf("%q is on line %d", key, n)
			}
		}
		l.of(text)
	})
}

package config

import (
	"reflect"
	"strings"

	"github.com/agnivade/levenshtein"
)

// Keys are all keys there are, as in "cache.ttl" and "client.scopes".
func Keys() []string { return keysOf(reflect.TypeFor[File](), "") }

func keysOf(t reflect.Type, prefix string) []string {
	var out []string
	for f := range t.Fields() {
		name := prefix + f.Tag.Get("toml")
		out = append(out, name)
		inner := f.Type
		if inner.Kind() == reflect.Slice || inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct {
			out = append(out, keysOf(inner, name+".")...)
		}
	}
	return out
}

// nearest is the key that a mistyped one was likely meant to be: the one with the
// fewest letters to change, where those are few for so short a word, or else the one of
// the same name in another table. It is "" when there is no such key.
func nearest(key string) string {
	leaf := lastPart(key)
	best, distance := "", min(3, max(1, len(leaf)/2))+1
	for _, known := range Keys() {
		if d := levenshtein.ComputeDistance(strings.ToLower(key), known); d < distance {
			best, distance = known, d
		}
	}
	if best != "" {
		return best
	}
	for _, known := range Keys() {
		if strings.Contains(known, ".") && lastPart(known) == leaf {
			if best != "" {
				return "" // several tables have it
			}
			best = known
		}
	}
	return best
}

func lastPart(key string) string { return key[strings.LastIndexByte(key, '.')+1:] }

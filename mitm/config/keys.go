package config

import "reflect"

// Keys are all keys there are, as in "cache.ttl" and "client.scopes".
func Keys() []string { return keysOf(reflect.TypeFor[File](), "") }

func keysOf(t reflect.Type, prefix string) []string {
	var out []string
	for f := range t.Fields() {
		name := prefix + f.Tag.Get("toml")
		switch inner := f.Type; {
		case inner.Kind() == reflect.Struct:
			out = append(append(out, name), keysOf(inner, name+".")...)
		case inner.Kind() == reflect.Slice && inner.Elem().Kind() == reflect.Struct:
			out = append(append(out, name), keysOf(inner.Elem(), name+".")...)
		default:
			out = append(out, name)
		}
	}
	return out
}

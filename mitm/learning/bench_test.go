package learning

import (
	"testing"

	"octopool/mitm/route"
)

// BenchmarkNote is what remembering adds to each request.
func BenchmarkNote(b *testing.B) {
	m, r := new(Memory), read(b, api(), "GET", "/repos/acme/web/issues/1")
	routeOf := route.New().Of(r.Method, r.Path.Segments())
	for b.Loop() {
		m.Note("ci", UsesOf(r, routeOf), noon)
	}
}

package exchange

import (
	"fmt"
	"testing"
	"time"
)

// A change is paid for once, in however many media types it is asked for, whichever of them
// comes first.
func TestAChangeIsPaidOnceForAllMediaTypes(t *testing.T) {
	w := newWorld(t)
	types := []string{githubJSON, oldJSON, "*/*", "application/json"}
	read := func(first int) (costs int) {
		before := w.points("core")
		for i := range types {
			w.get(ci, "/repos/acme/web/issues/1", "Accept", types[(first+i)%len(types)])
			w.x.Wait()
		}
		return w.points("core") - before
	}
	read(0)
	for change := range 8 {
		w.aged(2 * time.Second)
		w.github.EditIssue("acme/web", 1, fmt.Sprint("title ", change))
		if costs := read(change % len(types)); costs != 1 {
			t.Errorf("change %d costs %d points", change, costs)
		}
		if costs := read((change + 1) % len(types)); costs != 0 {
			t.Errorf("what has not changed since change %d costs %d points", change, costs)
		}
	}
}

// Media types that are no names of one form go each by its own from the first.
func TestMediaTypesThatPart(t *testing.T) {
	w := newWorld(t)
	read := func(accept string) int {
		before := w.points("core")
		w.get(ci, "/repos/acme/web/issues/1", "Accept", accept)
		w.x.Wait()
		return w.points("core") - before
	}
	if costs := read(githubJSON) + read(fullJSON); costs != 2 { // body_html and body_text
		t.Fatalf("%d points for two views", costs)
	}
	for change := range 3 {
		w.aged(2 * time.Second)
		w.github.EditIssue("acme/web", 1, fmt.Sprint("title ", change))
		if costs := read(githubJSON) + read(fullJSON); costs != 2 {
			t.Errorf("change %d of two views costs %d points", change, costs)
		}
		for range 3 {
			if costs := read(githubJSON) + read(fullJSON); costs != 0 {
				t.Errorf("what has not changed since change %d costs %d points", change, costs)
			}
		}
	}
}

// Two media types that were alike, as those of an empty list are, and are no more: one point
// each shows it, and then each goes by its own.
func TestMediaTypesThatWereAlike(t *testing.T) {
	w := newWorld(t)
	const list = "/repos/acme/empty/issues"
	w.github.AddRepo("acme/empty", false)
	read := func(accept string) int {
		before := w.points("core")
		w.get(ci, list, "Accept", accept)
		w.x.Wait()
		return w.points("core") - before
	}
	both := func() int { return read(githubJSON) + read(fullJSON) }
	if costs := both(); costs != 0 {
		t.Fatalf("%d points for an empty list", costs)
	}
	w.aged(2 * time.Second)
	w.github.AddIssue("acme/empty", "one")
	if costs := both(); costs != 2 {
		t.Errorf("%d points for two views of a change", costs)
	}
	if costs := both() + both(); costs > 2 {
		t.Errorf("%d points to see that they are apart", costs)
	}
	for range 3 {
		if costs := both(); costs != 0 {
			t.Errorf("%d points for what has not changed", costs)
		}
	}
}

// Two names of one form are taken to be alike before that was ever shown.
func TestAChangeIsPaidOnceFromTheFirst(t *testing.T) {
	w := newWorld(t)
	edit := func(n int) {
		w.aged(2 * time.Second)
		w.github.EditIssue("acme/web", 1, fmt.Sprint("title ", n))
	}
	read := func(accept string) {
		w.get(ci, "/repos/acme/web/issues/1", "Accept", accept)
		w.x.Wait()
	}
	read(githubJSON)
	edit(1)
	read("*/*")
	edit(2)
	before := w.points("core")
	read(githubJSON)
	read("*/*")
	if costs := w.points("core") - before; costs != 1 {
		t.Errorf("a change costs %d points", costs)
	}
}

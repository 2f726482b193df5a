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

// Where two media types part, what one has become is offered to the other once in vain, and
// from then on each goes by its own.
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

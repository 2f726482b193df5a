package main

import (
	"crypto/sha256"
	"time"
)

type digest = [sha256.Size]byte

// A history knows which bytes every resource had, for every viewer, and when.
type history struct {
	times [][len(viewers)][]version // by resource and viewer, oldest first
}

// A version is bytes that GitHub sent for a while: at the earliest since the call that
// made them began, at the latest until the call that ended them returned.
type version struct {
	body        digest
	from, until time.Time // zero: ever
}

// add notes what a viewer is sent after a change, if that is another thing than before.
func (h *history) add(resource, viewer int, body digest, before, after time.Time) {
	versions := h.times[resource][viewer]
	if n := len(versions); n > 0 {
		if versions[n-1].body == body {
			return
		}
		versions[n-1].until = after
	}
	h.times[resource][viewer] = append(versions, version{body: body, from: before})
}

// A verdict says what an answer was.
type verdict int

const (
	current verdict = iota
	stale           // it had been true, but at no moment of the request
	corrupt         // nobody was ever sent these bytes
)

// judge says whether some viewer would have been sent a body at some moment of a
// request.
func (h *history) judge(resource int, body digest, began, ended time.Time) verdict {
	found := corrupt
	for _, versions := range h.times[resource] {
		for _, v := range versions {
			if v.body != body {
				continue
			}
			if !v.from.After(ended) && (v.until.IsZero() || !v.until.Before(began)) {
				return current
			}
			found = stale
		}
	}
	return found
}

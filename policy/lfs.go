package policy

import (
	"bytes"
	"encoding/json"
	"strings"
)

// IsBatch reports whether r is an LFS batch, which is a read or a write by what stands in
// its body: see Batch.
func (r Request) IsBatch() bool {
	s := r.Path.split
	return r.Kind == KindLFS && len(s) > 1 && s[len(s)-2] == "objects" && s[len(s)-1] == "batch"
}

// Batch returns r, an LFS batch, as what its body says it is: a read when it plainly wants
// to download, else a write (git-lfs's docs/api/batch.md, "operation").
func (r Request) Batch(body []byte) Request {
	r.Write = !downloads(body)
	return r
}

// downloads reports whether a batch can be read in one way only, as one that downloads. What
// two readers may read differently is taken for the worse.
func downloads(body []byte) bool {
	in := json.NewDecoder(bytes.NewReader(body))
	if token, err := in.Token(); err != nil || token != json.Delim('{') {
		return false
	}
	found := false
	for in.More() {
		key, err := in.Token()
		var value json.RawMessage
		if err != nil || in.Decode(&value) != nil {
			return false
		}
		if name, _ := key.(string); strings.EqualFold(name, "operation") {
			if found || name != "operation" || string(value) != `"download"` {
				return false
			}
			found = true
		}
	}
	return found && json.Valid(body)
}

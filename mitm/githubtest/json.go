package githubtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// An object is a JSON object whose members keep their order. GitHub's answers
// have a fixed order, and their ETags are made from the bytes.
type object []member

// A member is one name and value of an object.
type member struct {
	name  string
	value any
}

// MarshalJSON writes the members in order.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(marshal(m.name))
		b.WriteByte(':')
		b.Write(marshal(m.value))
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// without drops the named members.
func (o object) without(names ...string) object {
	return slices.DeleteFunc(slices.Clone(o), func(m member) bool { return slices.Contains(names, m.name) })
}

// marshal is JSON as GitHub writes it: compact, with < and > as they are
// (observed). It panics on what JSON cannot hold, which is a bug here.
func marshal(v any) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic(fmt.Sprintf("githubtest: %v", err))
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

package history

import (
	"container/list"
	"sync"
	"time"
	"unicode/utf8"
)

// A Trouble is a request that got a refusal, or an answer that went wrong. Of the path it
// has no query, which can hold secrets.
type Trouble struct {
	Client string `json:"client"` // "-" for nobody
	Method string `json:"method"`
	Host   string `json:"host"`
	Path   string `json:"path"`
	Status int    `json:"status"`
	Reason string `json:"reason"`  // of a closed set, as in octopool_refused_total
	Detail string `json:"message"` // in words

	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	Times int       `json:"times"`
}

// mostTroubles is how many are remembered, longest how much of a text of theirs, in bytes.
const (
	mostTroubles = 200
	longest      = 300
)

// troubles are the latest. The same trouble again takes no more room, so that one client
// that knows no end does not push out all others'. The zero value has had none.
type troubles struct {
	mu     sync.Mutex // guards what follows
	known  map[sameness]*list.Element
	latest list.List // of *Trouble, newest first
}

// A sameness is what makes two the same. A message may name a moment, so it is not part.
type sameness struct {
	client, method, host, path, reason string
	status                             int
}

func (t *troubles) add(now time.Time, one Trouble) {
	one.Method, one.Host, one.Path, one.Detail = cut(one.Method), cut(one.Host), cut(one.Path), cut(one.Detail)
	key := one.key()
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.known[key]; e != nil {
		again := e.Value.(*Trouble)
		again.Last, again.Detail = now, one.Detail
		again.Times++
		t.latest.MoveToFront(e)
		return
	}
	if t.known == nil {
		t.known = map[sameness]*list.Element{}
	}
	if t.latest.Len() >= mostTroubles {
		oldest := t.latest.Back()
		delete(t.known, oldest.Value.(*Trouble).key())
		t.latest.Remove(oldest)
	}
	one.First, one.Last, one.Times = now, now, 1
	t.known[key] = t.latest.PushFront(&one)
}

func (t *Trouble) key() sameness {
	return sameness{t.Client, t.Method, t.Host, t.Path, t.Reason, t.Status}
}

// of are a client's, or all when it is "", newest first.
func (t *troubles) of(client string) []Trouble {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := []Trouble{}
	for e := t.latest.Front(); e != nil; e = e.Next() {
		if one := e.Value.(*Trouble); client == "" || one.Client == client {
			out = append(out, *one)
		}
	}
	return out
}

// cut shortens a text, between characters.
func cut(text string) string {
	if len(text) <= longest {
		return text
	}
	end := longest
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}

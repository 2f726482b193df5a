package store

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/redis/rueidis"
)

// writePatience is how long a write may take, for which nobody waits. One that takes
// longer says nothing about how quickly Redis answers requests: Redis is not given up.
const writePatience = 5 * time.Second

func (r *Redis) Put(k Key, rep *Representation, body []byte) {
	r.post(putting(spotOf(k, rep.Body), k, rep, body, r.now()))
}

func (r *Redis) Touch(k Key, rep *Representation) {
	r.post(touching(spotOf(k, rep.Body), k, rep))
}

func (r *Redis) Drop(k Key, d Digest) {
	r.post(&write{kind: "drop", at: spotOf(k, d), key: k, digest: d})
}

func (r *Redis) post(w *write) {
	if err := r.outbox.post(w); err != nil {
		r.failures.note(w.kind, err)
	}
}

// deliver carries out what was posted to one queue, until the outbox is closed.
func (r *Redis) deliver(queue <-chan *write) {
	for w := range queue {
		if !r.outbox.replaced(w) {
			r.carryOut(w)
		}
		r.outbox.delivered(w)
	}
}

func (r *Redis) carryOut(w *write) {
	script, args := r.order(w)
	if err := r.within(r.life, writePatience, func(ctx context.Context, l *link) error {
		_, err := r.change(ctx, l, script, w.at, args)
		return err
	}); err != nil {
		r.failures.note(w.kind, err)
	}
}

// order is what Redis is told to do for w.
func (r *Redis) order(w *write) (*rueidis.Lua, []string) {
	args := []string{bodiesOf(w.at.views), w.at.field}
	if w.kind == "drop" {
		return r.scripts.drop, args
	}
	var v view
	v.mustDecode(w.record)
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	args = append(args, rueidis.BinaryString(w.record),
		number(v.rep.vouched().UnixMilli()), number(r.now().Unix()), number(int64(r.ttl/time.Second)))
	if w.kind == "touch" {
		return r.scripts.touch, args
	}
	return r.scripts.put, append(args, w.encoding, number(v.length), rueidis.BinaryString(w.body),
		acceptOf(w.at.field), number(MaxViews), number(maxFields))
}

// change runs a script, takes account of what it changed and returns by how much it changed
// the number of views. Without an error, the change is seen by every later lookup of this
// store: what Redis says of it on the connection for reading comes there before the
// answer to the second question.
func (r *Redis) change(ctx context.Context, l *link, script *rueidis.Lua, at spot, args []string) (views int64, err error) {
	changed, err := script.Exec(ctx, l.bulk, []string{at.views, bodiesOf(at.views) + at.field}, args).AsIntSlice()
	if err != nil {
		return 0, err
	}
	if len(changed) != 3 {
		return 0, errors.New("a script returned something else")
	}
	r.entries.Add(changed[0])
	r.bytes.Add(changed[1])
	r.evictions.Add(changed[2])
	return changed[0], l.reads.Do(ctx, l.reads.B().Exists().Key(at.views).Build()).Error()
}

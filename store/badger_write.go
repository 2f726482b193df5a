package store

import (
	"errors"
	"time"

	"github.com/dgraph-io/badger/v4"
)

var (
	errNoSpace = errors.New("little space left on the disk")
	errCrowded = errors.New("cannot make room as fast as is written")
)

func (b *Badger) Put(k Key, r *Representation, body []byte) {
	if int64(len(body)) > b.limits.file-1<<10 {
		return
	}
	b.post(putting(spotIn(keyOf(recordKey, k, r.Body)), k, r, body, b.now()))
}

func (b *Badger) Touch(k Key, r *Representation) {
	b.post(touching(spotIn(keyOf(recordKey, k, r.Body)), k, r))
}

func (b *Badger) Drop(k Key, d Digest) {
	b.post(&write{kind: "drop", key: k, digest: d, at: spotIn(keyOf(recordKey, k, d))})
}

func (b *Badger) post(w *write) {
	if err := b.outbox.post(w); err != nil {
		b.failures.note(w.kind, err)
	}
	b.hot.forget(w.key)
}

// deliver carries out what is posted to one queue, until the outbox is closed.
func (b *Badger) deliver(queue <-chan *write) {
	for w := range queue {
		b.use(w.kind, func() error { return b.carryOut(w) })
		b.outbox.delivered(w)
	}
}

// carryOut does what w asks for in a transaction, and takes account of what that changed.
// The transaction is small (what lies in the value log does not count towards Badger's
// limit), so it need never be split.
func (b *Badger) carryOut(w *write) error {
	if err := b.makeRoom(w); err != nil {
		return err
	}
	b.writing.RLock()
	defer b.writing.RUnlock()
	c := change{lifetime: b.lifetime(), now: b.now()}
	if err := b.db.Update(func(txn *badger.Txn) error {
		c.txn = txn
		switch w.kind {
		case "put":
			return b.put(&c, w)
		case "touch":
			return b.touch(&c, w)
		}
		return c.delete(recordOf(w.at))
	}); err != nil {
		return err
	}
	b.grown.Add(c.written)
	b.mapping(c.written + perRead)
	b.evictions.Add(c.evictions)
	for _, key := range c.deleted {
		b.index.remove(viewID(key[:]))
	}
	key := recordOf(w.at)
	switch {
	case w.kind == "put":
		b.index.put(viewID(key[:]), c.written, c.now)
	case c.written > 0:
		b.index.touch(viewID(key[:]), c.more, c.now)
	}
	return nil
}

func (b *Badger) put(c *change, w *write) error {
	views, err := b.views(c.txn, w.key)
	if err != nil {
		return err
	}
	for _, old := range surplus(views, w.digest) {
		if err := c.delete(keyOf(recordKey, old.key, old.rep.Body)); err != nil {
			return err
		}
		c.evictions++
	}
	if err := c.put(bodyOf(recordOf(w.at)), w.body); err != nil {
		return err
	}
	return c.put(recordOf(w.at), w.record)
}

func (b *Badger) touch(c *change, w *write) error {
	old, length, err := b.record(c.txn, w.key, w.digest)
	if err != nil || old == nil {
		return err
	}
	var rec record
	if err := rec.decode(w.record); err != nil {
		return err
	}
	rec.rep.Encoding, rec.written, rec.length = old.rep.Encoding, old.written, old.length // the body's, which stays
	if b.ttl > 0 && c.now.Sub(old.written) > b.ttl/2 {
		body, _, err := b.body(c.txn, recordOf(w.at), w.digest, old.rep.Encoding)
		if err != nil || body == nil {
			return err
		}
		rec.written = c.now
		if err := c.put(bodyOf(recordOf(w.at)), appendBody(nil, w.digest, old.rep.Encoding, body)); err != nil {
			return err
		}
	}
	now := rec.append(nil)
	c.more = int64(len(now)) - length
	return c.put(recordOf(w.at), now)
}

// A change is a transaction that writes, and what it will have done.
type change struct {
	txn      *badger.Txn
	lifetime time.Duration
	now      time.Time

	deleted   [][keySize]byte // of records
	written   int64           // bytes
	more      int64           // how much more a touched view takes now
	evictions uint64
}

// What an entry takes besides its value: in the value log, with its key, and in tables.
const (
	logSize   = keySize + 8 + 16
	tableSize = 100
)

func (c *change) put(key [keySize]byte, value []byte) error {
	e := badger.NewEntry(key[:], value)
	e.ExpiresAt = uint64(c.now.Add(c.lifetime).Unix())
	c.written += int64(logSize + len(value) + tableSize)
	return c.txn.SetEntry(e)
}

// delete deletes the view whose record is at key.
func (c *change) delete(key [keySize]byte) error {
	c.deleted = append(c.deleted, key)
	body := bodyOf(key)
	return errors.Join(c.txn.Delete(key[:]), c.txn.Delete(body[:]))
}

package view

import (
	"bytes"
	"fmt"
	"iter"

	bolt "go.etcd.io/bbolt"
)

// Tx is a transaction: a consistent look at the view, or one change of it. What it returns is only valid while it
// lasts; copy what must live longer.
type Tx struct {
	tx      *bolt.Tx
	buckets []opened
	sums    map[string]Sum // change of each bucket's sum, nil in a read
	hasher  hasher
}

// opened is a bucket that was looked up, with a cursor for single values: a message looks at the same few many times.
type opened struct {
	name   string
	bucket *bolt.Bucket
	cursor *bolt.Cursor
}

// Read looks at the view, in one state from beginning to end. The error is fn's. fn should be short: while it runs, the
// file cannot use again what changes have freed.
func (v *View) Read(fn func(*Tx) error) error {
	defer v.reads.leave(v.reads.enter())
	return v.db.View(func(tx *bolt.Tx) error { return fn(&Tx{tx: tx}) })
}

// change runs fn in a transaction that also brings the sums up to date; all of it happens or nothing.
func (v *View) change(fn func(*Tx) error) error {
	return v.db.Update(func(btx *bolt.Tx) error {
		tx := &Tx{tx: btx, sums: map[string]Sum{}}
		if err := fn(tx); err != nil {
			return err
		}
		return tx.writeSums()
	})
}

// State tells two states of a view apart: it is another number after every change.
func (t *Tx) State() int { return t.tx.ID() }

func (t *Tx) open(name string) opened {
	for _, o := range t.buckets {
		if o.name == name {
			return o
		}
	}
	b := t.tx.Bucket([]byte(name))
	if b == nil {
		// A bucket that was not declared is a mistake in the program and must not read as an empty one.
		panic(fmt.Sprintf("view: no bucket %q", name)) //nolint:forbidigo // a mistake in the program, see above
	}
	o := opened{name, b, b.Cursor()}
	t.buckets = append(t.buckets, o)
	return o
}

func (t *Tx) bucket(name string) *bolt.Bucket { return t.open(name).bucket }

// get is the value under a key, nil when there is none. It looks anew, whatever was changed since the last time.
func (o opened) get(key []byte) []byte {
	if k, v := o.cursor.Seek(key); bytes.Equal(k, key) {
		return v
	}
	return nil
}

// Get returns a value, nil when there is none.
func (t *Tx) Get(bucket string, key []byte) []byte { return t.open(bucket).get(key) }

// Put stores a value under a key of 1 to 32,768 bytes. Only within [View.Apply].
func (t *Tx) Put(bucket string, key, value []byte) error {
	o := t.open(bucket)
	sum := t.sums[bucket]
	if old := o.get(key); old != nil {
		if bytes.Equal(old, value) {
			return nil
		}
		sum = sum.minus(t.hasher.sumOf(key, old))
	}
	t.sums[bucket] = sum.plus(t.hasher.sumOf(key, value))
	return o.bucket.Put(key, value)
}

// Delete removes a value; it is no error when there is none. Only within [View.Apply].
func (t *Tx) Delete(bucket string, key []byte) error {
	o := t.open(bucket)
	old := o.get(key)
	if old == nil {
		return nil
	}
	t.sums[bucket] = t.sums[bucket].minus(t.hasher.sumOf(key, old))
	return o.bucket.Delete(key)
}

// Scan yields keys that begin with prefix and their values, in order of the keys, beginning with from if that is not
// nil. Nothing may be changed in the bucket while it runs.
func (t *Tx) Scan(bucket string, prefix, from []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(k, v []byte) bool) {
		c := t.bucket(bucket).Cursor()
		start := prefix
		if bytes.Compare(from, start) > 0 {
			start = from
		}
		for k, v := c.Seek(start); k != nil && bytes.HasPrefix(k, prefix); k, v = c.Next() {
			if !yield(k, v) {
				return
			}
		}
	}
}

// ScanBack yields keys that begin with prefix and lie before the given one (nil: from the last), backwards.
func (t *Tx) ScanBack(bucket string, prefix, before []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(k, v []byte) bool) {
		c := t.bucket(bucket).Cursor()
		for k, v := seekBefore(c, prefix, before); k != nil && bytes.HasPrefix(k, prefix); k, v = c.Prev() {
			if !yield(k, v) {
				return
			}
		}
	}
}

// seekBefore puts a cursor on the last key that begins with prefix and is less than before.
func seekBefore(c *bolt.Cursor, prefix, before []byte) ([]byte, []byte) {
	if before == nil {
		before = successor(prefix)
	}
	if before == nil {
		return c.Last()
	}
	if k, _ := c.Seek(before); k == nil {
		return c.Last()
	}
	return c.Prev()
}

// successor is the least key behind all that begin with prefix; nil when there is none.
func successor(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] < 0xff {
			out := bytes.Clone(prefix[:i+1])
			out[i]++
			return out
		}
	}
	return nil
}

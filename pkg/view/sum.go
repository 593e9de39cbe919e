package view

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"math/bits"
	"strings"

	bolt "go.etcd.io/bbolt"
)

const sumPrefix = "sum:"

// Sum stands for the contents of a bucket: the sum of a 128-bit hash of each key and value, modulo 2^128. It depends
// on what is in the bucket and not on how it came there, so two replicas at the same position must have equal sums.
type Sum struct{ hi, lo uint64 }

// String writes the sum as 32 hexadecimal digits.
func (s Sum) String() string { return fmt.Sprintf("%016x%016x", s.hi, s.lo) }

func (s Sum) plus(o Sum) Sum {
	lo, carry := bits.Add64(s.lo, o.lo, 0)
	hi, _ := bits.Add64(s.hi, o.hi, carry)
	return Sum{hi, lo}
}

func (s Sum) minus(o Sum) Sum {
	lo, borrow := bits.Sub64(s.lo, o.lo, 0)
	hi, _ := bits.Sub64(s.hi, o.hi, borrow)
	return Sum{hi, lo}
}

// hasher makes sums of entries, one after another.
type hasher struct {
	hash    hash.Hash
	scratch []byte
}

// sumOf hashes one entry. The key's length goes in, lest "ab"+"c" equal "a"+"bc".
func (h *hasher) sumOf(key, value []byte) Sum {
	if h.hash == nil {
		h.hash = sha256.New()
	}
	h.hash.Reset()
	h.scratch = append(binary.BigEndian.AppendUint64(h.scratch[:0], uint64(len(key))), key...)
	h.hash.Write(h.scratch)
	h.hash.Write(value)
	h.scratch = h.hash.Sum(h.scratch[:0])
	return Sum{binary.BigEndian.Uint64(h.scratch), binary.BigEndian.Uint64(h.scratch[8:])}
}

func decodeSum(b []byte) Sum {
	if len(b) != 16 {
		return Sum{}
	}
	return Sum{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])}
}

func (t *Tx) writeSums() error {
	meta := t.bucket(metaBucket)
	for name, delta := range t.sums {
		key := []byte(sumPrefix + name)
		sum := decodeSum(meta.Get(key)).plus(delta)
		value := binary.BigEndian.AppendUint64(nil, sum.hi)
		if err := meta.Put(key, binary.BigEndian.AppendUint64(value, sum.lo)); err != nil {
			return err
		}
	}
	return nil
}

// Sums returns the sum of every bucket that holds something; one that was emptied counts as one never used.
func (v *View) Sums() (map[string]Sum, error) {
	out := map[string]Sum{}
	err := v.Read(func(tx *Tx) error {
		for k, value := range tx.Scan(metaBucket, []byte(sumPrefix), nil) {
			if sum := decodeSum(value); sum != (Sum{}) {
				out[strings.TrimPrefix(string(k), sumPrefix)] = sum
			}
		}
		return nil
	})
	return out, err
}

// Verify counts every bucket's sum anew and compares it with the one kept. It reads the whole view.
func (v *View) Verify() error {
	kept, err := v.Sums()
	if err != nil {
		return err
	}
	defer v.reads.leave(v.reads.enter())
	return v.db.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bolt.Bucket) error {
			if string(name) == metaBucket {
				return nil
			}
			var sum Sum
			var h hasher
			_ = b.ForEach(func(k, value []byte) error { sum = sum.plus(h.sumOf(k, value)); return nil })
			if sum != kept[string(name)] {
				return fmt.Errorf("view: bucket %s sums to %s, kept %s", name, sum, kept[string(name)])
			}
			return nil
		})
	})
}

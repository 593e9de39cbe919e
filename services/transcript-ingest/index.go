package ingest

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"

	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
)

// indexPart keeps what can be found in a part's words. The row is made of the part alone, so that late words and
// corrections cost no more than what they say, and the streams may come in any order. Words that a correction has
// replaced stay in it: who finds a call compares with its newest text.
func indexPart(tx *view.Tx, r ref, part *eventv1.Part) error {
	texts := make([]string, 0, len(part.GetEntries()))
	for _, e := range part.GetEntries() {
		texts = append(texts, foldText(e.GetText()))
	}
	return tx.Put(searchBucket, r.partKey(part.GetNumber()), signatureOf(texts))
}

// reindex keeps a call's place in the list, and with it what can be found in its details; an erase takes it out. Calls
// that have not ended are in a bucket of their own as well, with the time at which the server stored their opening.
func reindex(tx *view.Tx, r ref, old, now record, stored int64) error {
	if old.listed() && (!now.listed() || !old.Started.Equal(now.Started)) {
		if err := tx.Delete(indexBucket, r.indexKey(old.Started)); err != nil {
			return err
		}
	}
	same := old.listed() == now.listed() && old.Started.Equal(now.Started) && bytes.Equal(old.Info, now.Info)
	if now.listed() && !same {
		info, err := now.info()
		if err != nil {
			return err
		}
		if err := tx.Put(indexBucket, r.indexKey(now.Started), signatureOf(detailTexts(info))); err != nil {
			return err
		}
	}
	switch {
	case !now.open():
		return tx.Delete(openBucket, r.key())
	case !old.open():
		return tx.Put(openBucket, r.key(), binary.BigEndian.AppendUint64(nil, uint64(stored)))
	}
	return nil
}

// open tells whether the call goes on.
func (r record) open() bool { return r.listed() && !r.ended() }

// detailTexts are the folded texts of a call's details in which words are looked for.
func detailTexts(info *eventv1.CallInfo) []string {
	out := []string{
		foldText(info.GetLabel()), foldText(info.GetAgentName()), foldText(info.GetQueue()),
		foldText(info.GetAgentNumber()), digitsOf(info.GetAgentNumber()),
		foldText(info.GetCustomerNumber()), digitsOf(info.GetCustomerNumber()),
	}
	for _, k := range slices.Sorted(maps.Keys(info.GetLabels())) {
		out = append(out, foldText(k), foldText(info.GetLabels()[k]))
	}
	return slices.DeleteFunc(out, func(text string) bool { return text == "" })
}

// search is what a query looks for: terms, and the grams that a text with the term must have.
type search struct {
	terms []string
	grams [][]uint64
}

func newSearch(query string) search {
	s := search{terms: termsOf(query)}
	for _, term := range s.terms {
		s.grams = append(s.grams, gramsFor(term))
	}
	return s
}

// mayFind tells whether a call may have all the terms: from the signatures of its details and of its parts, and where it
// has live words, which are in no index, in any case.
func (s search) mayFind(tx *view.Tx, r ref, details []byte) bool {
	left := make([]int, 0, len(s.terms))
	for i, grams := range s.grams {
		if !mayHave(details, grams) {
			left = append(left, i)
		}
	}
	if len(left) == 0 {
		return true
	}
	for _, signature := range tx.Scan(searchBucket, r.prefix(), nil) {
		left = slices.DeleteFunc(left, func(i int) bool { return mayHave(signature, s.grams[i]) })
		if len(left) == 0 {
			return true
		}
	}
	for range tx.Scan(liveBucket, r.prefix(), nil) {
		return true
	}
	return false
}

// finds tells whether a call has all the terms, in its details or in the newest text of an utterance: an index can be
// mistaken, this cannot.
func (s search) finds(tx *view.Tx, r ref, info *eventv1.CallInfo) (bool, error) {
	left := s.terms
	for _, text := range detailTexts(info) {
		left = without(left, text)
	}
	if len(left) == 0 {
		return true, nil
	}
	list, err := firstEntries(tx, r, maxEntries+1)
	if err != nil {
		return false, err
	}
	newest := make(map[string]string, len(list))
	for _, e := range list {
		newest[e.GetUtteranceId()] = e.GetText()
	}
	for _, text := range newest {
		if left = without(left, foldText(text)); len(left) == 0 {
			return true, nil
		}
	}
	return false, nil
}

// without are the terms that a text does not have.
func without(terms []string, text string) (out []string) {
	for _, term := range terms {
		if !has(text, term) {
			out = append(out, term)
		}
	}
	return out
}

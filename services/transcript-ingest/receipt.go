package ingest

import (
	"context"
	"slices"

	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
)

// maxGaps bounds the ranges of missing orders that a receipt names.
const maxGaps = 100

// GetReceipt tells what has arrived of a call; see the contract.
func (s *Service) GetReceipt(
	ctx context.Context, req *transcriptv1.GetReceiptRequest,
) (*transcriptv1.GetReceiptResponse, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.follower.WaitPosition(ctx, req.GetMinPosition()); err != nil {
		return nil, err
	}
	r := ref{caller.Tenant, req.GetCallId()}
	out := &transcriptv1.GetReceiptResponse{Position: s.follower.Position().Encode()}
	return out, s.follower.Read(func(tx *view.Tx) error {
		call, err := readCall(tx, r)
		if err != nil {
			return err
		}
		c, err := readCounts(tx, r)
		if err != nil {
			return err
		}
		list, err := firstEntries(tx, r, int(c.revision()))
		out.Receipt = receiptOf(list, c)
		out.Receipt.CallId, out.Receipt.State = call.GetId(), call.GetState()
		return err
	})
}

// receiptOf counts what has arrived, from the entries in the order they came.
func receiptOf(entries []*eventv1.Entry, c counts) *transcriptv1.Receipt {
	repeated := c.LiveTally.plus(c.PartTally)
	out := &transcriptv1.Receipt{
		Revision: c.revision(), Late: c.Late, Duplicates: repeated.Duplicates, Conflicting: repeated.Conflicting,
		MoreDuplicates: repeated.Duplicates >= maxCounted,
	}
	seen := make(map[string]struct{}, len(entries))
	orders := make([]int64, 0, len(entries))
	for _, e := range entries {
		if _, known := seen[e.GetUtteranceId()]; known {
			out.Corrected++
			continue
		}
		seen[e.GetUtteranceId()] = struct{}{}
		out.Accepted++
		if e.GetKind() == kindLost {
			out.RecognizerLost++
		}
		if e.GetOrder() > 0 {
			orders = append(orders, e.GetOrder())
		}
	}
	countOrders(out, orders)
	return out
}

// countOrders says which orders came behind a higher one, and which did not come.
func countOrders(out *transcriptv1.Receipt, orders []int64) {
	if len(orders) == 0 {
		return
	}
	highest := orders[0]
	for _, o := range orders {
		if o < highest {
			out.Reordered++
		}
		highest = max(highest, o)
	}
	slices.Sort(orders)
	out.FirstOrder, out.LastOrder = orders[0], highest
	for i, o := range orders[1:] {
		before := orders[i]
		if o-before < 2 { // the next one, or the same again
			continue
		}
		out.Missing += uint64(o - before - 1)
		if len(out.GetGaps()) < maxGaps {
			out.Gaps = append(out.GetGaps(), &transcriptv1.Gap{First: before + 1, Last: o - 1})
		}
	}
}

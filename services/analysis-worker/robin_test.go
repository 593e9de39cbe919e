package analysis

import (
	"fmt"
	"testing"
)

// Who asks for the place of a waiting analysis has the line looked through to it: that must not copy the line for each one
// ahead, of which there may be thousands, nor change it.
func TestLookingAheadCopiesNoLine(t *testing.T) { //nolint:paralleltest // allocations are counted
	const waiting = 2000
	c, ids := newClass(), make([]string, waiting)
	for i := range ids {
		ids[i] = fmt.Sprint(i)
		c.add(job{id: ids[i], tenant: "a", tokens: 10, sequence: uint64(i + 1)})
	}
	allocations := testing.AllocsPerRun(2, func() {
		ahead := c.clone()
		for i, id := range ids {
			if j, ok := ahead.take(); !ok || j.id != id {
				t.Fatalf("at place %d is %q", i, j.id)
			}
		}
	})
	if allocations > 100 {
		t.Errorf("%.0f allocations", allocations)
	}
	if j, ok := c.take(); !ok || j.id != "0" || c.size() != waiting-1 {
		t.Errorf("the line itself has changed: %q is first, %d wait", j.id, c.size())
	}
}

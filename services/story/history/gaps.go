package history

import "slices"

// gaps measures how long nothing was acknowledged while clients tried.
func (j *judge) gaps() {
	var acked []Offset
	var begin, end Offset
	begin = never
	for _, r := range j.h {
		t := write(r)
		if t == nil {
			continue
		}
		begin, end = min(begin, t.Started), max(end, t.Ended)
		if t.acknowledged() {
			acked = append(acked, t.Ended)
		}
	}
	if begin == never {
		return
	}
	// From the first try to the end of the last one: what was not acknowledged at either end counts too.
	slices.Sort(acked)
	acked = append(append([]Offset{begin}, acked...), end)
	for n := 1; n < len(acked); n++ {
		j.report.Gap = j.report.Gap.longer(Gap{acked[n-1], acked[n]})
	}
	j.gapsAfter(acked)
	for n, r := range j.h {
		if r.Recovered != nil {
			f := j.report.fault(r.Recovered.Kind)
			f.Recovered = append(f.Recovered, j.h[n].Recovered.Took)
		}
	}
	for kind := range j.report.Faults {
		slices.Sort(j.report.Faults[kind].Recovered)
	}
}

// write is the try of a record that changes something; nil for others.
func write(r Record) *Try {
	switch {
	case r.Say != nil:
		return &r.Say.Try
	case r.Analyse != nil:
		return &r.Analyse.Try
	case r.End != nil:
		return &r.End.Try
	case r.Cancel != nil:
		return &r.Cancel.Try
	default:
		return nil
	}
}

// gapsAfter gives each gap to the fault before it: a gap counts for a fault from the fault on, if it lasts at the fault
// or begins before the next one. Answers that were on their way when it struck do not end it.
func (j *judge) gapsAfter(acked []Offset) {
	var faults []Record
	for _, r := range j.h {
		if r.Fault != nil {
			faults = append(faults, r)
		}
	}
	at := 1 // the first acknowledgement after a fault
	for n, r := range faults {
		f := j.report.fault(r.Fault.Kind)
		f.Times++
		next := never
		if n+1 < len(faults) {
			next = faults[n+1].At
		}
		for at < len(acked) && acked[at] <= r.At {
			at++
		}
		for k := at; k < len(acked) && max(acked[k-1], r.At) < next; k++ {
			f.Gap = f.Gap.longer(Gap{max(acked[k-1], r.At), acked[k]})
		}
	}
}

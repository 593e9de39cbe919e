package measure

import (
	"context"
	"errors"
	"fmt"
)

// Unit is what a row's second figure counts; the first is always CPU time per operation.
type Unit string

// Units. Times are in seconds and sizes in bytes, until they are printed.
const (
	Time Unit = "time"
	Size Unit = "size"
)

// Reading is what one leg gave.
type Reading struct {
	// CPU is the processor time, user and system, of the processes concerned, in seconds per operation; 0 where a row
	// does not look at it.
	CPU float64
	// Figure is the time of an operation in seconds, or a size in bytes; 0 where a row does not look at it.
	Figure float64
}

// Trial is a row set up to be measured.
type Trial interface {
	// Limit runs the limit's leg, Subject the subject's. They are called in turns.
	Limit(ctx context.Context) (Reading, error)
	Subject(ctx context.Context) (Reading, error)
	// Check tells, after the last round, whether what was done is really there.
	Check(ctx context.Context) error
	// Close ends what the trial has started and is always called, with a context that may be done.
	Close(ctx context.Context) error
}

// Row is a line of the table.
type Row struct {
	// Name of the row; names of rows that were saved are looked for again.
	Name string
	// Subject and Limit say in words what each of the two is.
	Subject, Limit string
	// Unit of the second figure.
	Unit Unit
	// Exact is set where every round gives the same, so that one is enough.
	Exact bool
	// Open sets the row up.
	Open func(ctx context.Context) (Trial, error)
}

// Plan is how a row is measured.
type Plan struct {
	// Rounds of each leg, after one to warm up; MaxRounds is how many there may be while the limit does not stand still.
	Rounds, MaxRounds int
	// More tells whether there is time for rounds beyond those that are planned; nil: always.
	More func() bool
	// Machine tells the load average and how many cores could be had. It is asked once a round.
	Machine func() (load, cores float64)
}

// Result is a row that was measured.
type Result struct {
	Name    string `json:"name"`
	Subject string `json:"subject"`
	Limit   string `json:"limit"`
	Unit    Unit   `json:"unit"`
	Rounds  int    `json:"rounds"`
	// CPU and Figure are nil where the row does not look at them.
	CPU    *Ratio `json:"cpu,omitempty"`
	Figure *Ratio `json:"figure,omitempty"`
	// Load is the machine's load average over one minute, Cores how many cores could be had; medians over the rounds.
	Load  float64 `json:"load"`
	Cores float64 `json:"cores"`
	// Failed is why the row could not be measured, or what it found to be wrong.
	Failed string `json:"failed,omitempty"`
}

// Measure measures one row. What goes wrong is in the result.
func Measure(ctx context.Context, row Row, plan Plan) Result {
	out := Result{Name: row.Name, Subject: row.Subject, Limit: row.Limit, Unit: row.Unit}
	trial, err := row.Open(ctx)
	if err != nil {
		out.Failed = fmt.Sprintf("failed: %v", err)
		return out
	}
	rounds := &rounds{trial: trial}
	err = rounds.run(ctx, row, plan)
	if err == nil {
		err = trial.Check(ctx)
	}
	if err = errors.Join(err, trial.Close(ctx)); err != nil {
		out.Failed = fmt.Sprintf("failed: %v", err)
		return out
	}
	out.Rounds = len(rounds.loads)
	out.CPU, out.Figure = rounds.cpu.ratio(), rounds.figure.ratio()
	out.Load, out.Cores = Median(rounds.loads), Median(rounds.cores)
	return out
}

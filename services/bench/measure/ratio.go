package measure

import "fmt"

const (
	// MaxSpread is how far the limit's own rounds may lie apart for its ratio to be shown.
	MaxSpread = 0.20
	// minSpread is the least spread that is ever stated: five rounds that happen to be equal do not make a figure exact,
	// and neither does the size of a file, in which a build's own name counts.
	minSpread = 0.01
)

// Ratio is one figure of a subject against the same figure of its limit.
type Ratio struct {
	// Subject and Limit are the medians over the rounds, in seconds or in bytes.
	Subject float64 `json:"subject"`
	Limit   float64 `json:"limit"`
	// Ratio is the median of the rounds' own ratios, so that what slowed both legs of a round counts in neither.
	Ratio float64 `json:"ratio"`
	// Spread is how far the rounds' ratios lie apart, as a share of their median.
	Spread float64 `json:"spread"`
	// LimitSpread is the same of the limit alone.
	LimitSpread float64 `json:"limitSpread"`
	// Refused is why there is nothing to be shown; empty when there is.
	Refused string `json:"refused,omitempty"`
}

// NewRatio compares the rounds of a subject with those of its limit, which are equally many.
func NewRatio(subject, limit []float64) Ratio {
	r := Ratio{Subject: Median(subject), Limit: Median(limit), LimitSpread: Spread(limit)}
	ratios := make([]float64, 0, len(limit))
	for i, l := range limit {
		if l <= 0 {
			r.Refused = "refused: the limit itself could not be measured"
			return r
		}
		ratios = append(ratios, subject[i]/l)
	}
	r.Ratio, r.Spread = Median(ratios), max(minSpread, Spread(ratios))
	if r.LimitSpread > MaxSpread {
		r.Refused = fmt.Sprintf("refused: the limit itself spread by %.0f %%", r.LimitSpread*100)
	}
	return r
}

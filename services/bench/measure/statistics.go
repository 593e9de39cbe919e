package measure

import "slices"

// Median is the middle value, or the mean of the two middle ones; 0 of none.
func Median(values []float64) float64 { return quantile(values, 0.5) }

// Spread says how far values lie apart, as a share of their median: (q3-q1)/median. Quartiles and not extremes, because
// one round in which the machine did something else must not decide. 0 of fewer than two values, or around 0.
func Spread(values []float64) float64 {
	m := Median(values)
	if len(values) < 2 || m == 0 {
		return 0
	}
	return (quantile(values, 0.75) - quantile(values, 0.25)) / m
}

// quantile interpolates between the two values nearest to a share of the sorted ones.
func quantile(values []float64, share float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	at := share * float64(len(sorted)-1)
	below := int(at)
	if below == len(sorted)-1 {
		return sorted[below]
	}
	part := at - float64(below)
	return sorted[below]*(1-part) + sorted[below+1]*part
}

package measure

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestMediansAndSpreadsAreThoseOfTheBook(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		values         []float64
		median, spread float64
	}{
		"none":                          {nil, 0, 0},
		"one":                           {[]float64{7}, 7, 0},
		"two":                           {[]float64{8, 12}, 10, 0.2},
		"odd":                           {[]float64{5, 1, 4, 2, 3}, 3, 2.0 / 3},
		"even":                          {[]float64{4, 1, 3, 2}, 2.5, 0.6},
		"all equal":                     {[]float64{3, 3, 3, 3, 3}, 3, 0},
		"one round went wrong":          {[]float64{10, 10, 10, 10, 1000}, 10, 0},
		"nothing but noughts":           {[]float64{0, 0, 0}, 0, 0},
		"quartiles between two of four": {[]float64{100, 110, 120, 130, 140, 150}, 125, 0.2},
	} {
		if got := Median(c.values); math.Abs(got-c.median) > 1e-12 {
			t.Errorf("%s: median %v, want %v", name, got, c.median)
		}
		if got := Spread(c.values); math.Abs(got-c.spread) > 1e-12 {
			t.Errorf("%s: spread %v, want %v", name, got, c.spread)
		}
	}
}

// Neither depends on the order of the rounds, the unit changes the median alone, and the values stay as they are.
func TestStatisticsDoNotDependOnOrderOrUnit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float64Range(1, 1000), 1, 20).Draw(t, "values")
		unit := rapid.Float64Range(0.001, 1000).Draw(t, "unit")
		before := slices.Clone(values)
		other := make([]float64, 0, len(values))
		for _, v := range slices.Backward(values) {
			other = append(other, v*unit)
		}
		if a, b := Median(values)*unit, Median(other); math.Abs(a-b) > 1e-9*a {
			t.Fatalf("median %v, in the other unit %v", a, b)
		}
		if a, b := Spread(values), Spread(other); math.Abs(a-b) > 1e-9 {
			t.Fatalf("spread %v, in the other unit %v", a, b)
		}
		if m := Median(values); m < slices.Min(values) || m > slices.Max(values) || Spread(values) < 0 {
			t.Fatalf("median %v, spread %v", m, Spread(values))
		}
		if !slices.Equal(before, values) {
			t.Fatal("the values were changed")
		}
	})
}

func TestARatioIsRefusedWhereTheLimitMoved(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		subject, limit []float64
		ratio, spread  float64
		refused        string
	}{
		"steady": {[]float64{30, 33, 30, 27, 30}, []float64{10, 11, 10, 9, 10}, 3, minSpread, ""},
		// What slows both legs of a round counts in neither.
		"drifting within bounds": {[]float64{20, 21, 22, 23, 24}, []float64{10, 10.5, 11, 11.5, 12}, 2, minSpread, ""},
		"the subject moved alone": {
			[]float64{10, 20, 30, 40, 50}, []float64{10, 10, 10, 10, 10}, 3, 2.0 / 3, "",
		},
		"one bad round":   {[]float64{20, 20, 20, 20, 20}, []float64{10, 10, 10, 10, 90}, 2, minSpread, ""},
		"the limit moved": {[]float64{20, 20, 20, 20}, []float64{10, 12, 14, 16}, 0, 0, "refused: the limit itself spread by 23 %"},
		"no limit":        {[]float64{20, 20}, []float64{10, 0}, 0, 0, "refused: the limit itself could not be measured"},
	} {
		got := NewRatio(c.subject, c.limit)
		if got.Refused != c.refused {
			t.Errorf("%s: %q, want %q", name, got.Refused, c.refused)
		}
		if c.refused == "" && (math.Abs(got.Ratio-c.ratio) > 1e-9 || math.Abs(got.Spread-c.spread) > 1e-9) {
			t.Errorf("%s: %v ± %v, want %v ± %v", name, got.Ratio, got.Spread, c.ratio, c.spread)
		}
	}
}

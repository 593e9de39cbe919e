// Package measure compares what a system does with what its limit allows, in one run and side by side.
//
// Absolute figures of a machine that others use, too, say little: its clock moved tenfold between two runs. So each
// [Row] has a limit leg and a subject leg, which take turns, and what counts is their ratio. A row whose limit did not
// stand still has nothing to be compared with: it says so and shows no figure.
package measure

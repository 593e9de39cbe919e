// Package models tells what is known of language models beside what their provider says: how much they read and write
// at once, how their tokens are counted, what they cost and when they end.
//
// Nothing of it is in code, because it grows old: every model that the product once named as its default is gone. It
// is a file of data that carries its date, models.json, shipped with the binary; an operator gives another file in its
// place (--models-file) on the day a provider changes its list, without waiting for a release. What the file does not
// know is unknown, and nothing is guessed from a similar name: a wrong price or window is worse than none.
package models

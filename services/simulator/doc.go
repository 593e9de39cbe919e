// Package simulator is a provider that speaks OpenAI's protocol: for the demo, for tests and for load.
//
// It answers with an honest extract of the transcript it was given and says that it is simulated. It knows keys,
// models, limits and OpenAI's own error bodies; faults can be scripted; and it keeps a ledger of every request, which
// is the oracle for what was really asked, and so paid.
package simulator

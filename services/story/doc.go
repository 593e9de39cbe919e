// Package story tells what people do with Kikigaki, from the outside: it starts the real binary with the race detector
// in it, talks to it over HTTP and by its own commands, kills it, and looks at what is there afterwards. The provider
// is the simulator, whose ledger is the witness of what was really asked.
package story

// Package telemetry makes what a process says of itself readable elsewhere: traces sent over OTLP, metrics to be
// scraped, and log lines that name the trace they belong to.
//
// A [Telemetry] belongs to a process, a [Scope] to one service in it. Services in one process share the exporter and the
// page of metrics but not their names: every span and every series says which service it is of, so that what is read
// looks the same whether services run together or apart.
//
// Nothing here is global: what is to be traced is handed its scope. The zero Scope observes nothing, and passes on the
// trace that a request came with.
package telemetry

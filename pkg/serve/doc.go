// Package serve answers gRPC and HTTP.
//
// A [Server] is one gRPC server with everything around a call that no service should write for itself: faults become
// statuses, a panic becomes one answer and not the end of the process, a call without a deadline gets one. It answers
// on network listeners and on in-memory connections alike, so that services in one process talk through the same
// stack as services apart. An in-memory connection knows which service opened it ([PeerService]).
//
// [HTTP] is a net/http server with limits, made for event streams that last for hours.
package serve

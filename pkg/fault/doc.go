// Package fault is the one kind of error that crosses a process.
//
// An [Error] says what kind of failure it is (for programs that only need to know whether to retry), a stable code (for
// programs and catalogues that must know exactly), and where they apply the field at fault, parameters, a time to wait
// and what a provider outside said. In five lines:
//
//	err := fault.New(fault.Conflict, "NAME_TAKEN", fault.Field("name"), fault.Param("name", name))
//	err = fault.Op("shelves.create", err)               // where it was; nil stays nil
//	return fault.ToStatus(err).Err()                    // the server's end; package serve does it by itself
//	err = fault.FromStatus(err)                         // the client's end
//	if fault.Is(err, "NAME_TAKEN") { … }                // or fault.KindOf(err) == fault.Conflict
//
// # Promises
//
//   - Any error has a kind and a code: the ends of contexts are DeadlineExceeded and Unavailable, what nobody made a
//     fault of is Internal. errors.Is and errors.As see through a fault.
//   - [ToStatus] and [FromStatus] take a fault through gRPC, and it comes back equal but for what is lost on purpose: the
//     wrapped error and its text, which may hold addresses and file names and stay in the log of the process where it
//     happened.
//   - A status of a server that knows no faults is read by its gRPC code. A kind that a later version sent is read by
//     its gRPC code, too.
//
// # Limits
//
// A status travels in trailers that proxies limit: texts beyond 2 KiB are cut at a whole character, parameters beyond
// the first 32 by name are dropped, and bytes that are no UTF-8 become U+FFFD. The order of kinds is part of the
// contract: new ones come at the end.
//
// A fault is turned into words for people only at the edge, where their language is known.
package fault

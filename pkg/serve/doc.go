// Package serve answers gRPC and HTTP, in one process and between processes, in the same way.
//
// It is for services that may run together or apart. In five lines, with examplev1 generated from a contract:
//
//	server := serve.New(serve.Config{Logger: logger})
//	examplev1.RegisterShelfServiceServer(server.GRPC(), shelves)
//	conn, err := server.Dial("console")                         // the same process, over memory
//	conn, err = serve.Connect([]string{"10.0.0.7:9090"})        // or another one, after server.Listen there
//	shelf, err := examplev1.NewShelfServiceClient(conn).GetShelf(ctx, request)
//
// # Promises
//
//   - A [Server] has everything around a call that no service should write for itself: faults (package fault) become
//     statuses, a panic becomes one answer (INTERNAL) and not the end of the process, a unary call without a deadline
//     gets 30 s. Failures on our side are logged where they happened.
//   - A connection made here turns statuses back into faults.
//   - In-memory connections go through the whole of gRPC: there is no second code path for services in one process. Such
//     a connection knows which service opened it ([PeerService]); over a network nobody can claim that.
//   - [Connect] spreads calls over replicas and repeats only those that may be repeated.
//   - [HTTP] survives its handlers' panics: one that has not begun its answer answers 500, one that has is cut off, so
//     that half an answer never looks whole.
//   - Stop takes nothing new, lets what is under way end, and cuts off what lasts longer than its context.
//
// # What a crash costs
//
// The package keeps nothing. Calls under way end at the caller as Unavailable: they may have been served.
//
// # Limits
//
// Over networks gRPC is neither encrypted nor authenticated here: run it behind what does that, and send proof of who
// asks with each call. A message has at most 16 MiB. A peer that says nothing is asked for a sign of life after 10 s
// and given up after 5 s more. HTTP reads headers of at most 64 KiB within 10 s and keeps idle connections 2 minutes; it bounds
// neither bodies nor the writing of answers, since event streams last for hours: handlers do.
package serve

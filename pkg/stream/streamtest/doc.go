// Package streamtest starts real nats-servers inside a test binary: one ([Start]) or a cluster of three
// ([StartCluster]). In three lines:
//
//	server := streamtest.Start(t)
//	log, err := stream.Open(server.Conn(t), stream.Config{})
//	server.Restart(t) // the same files; the connection comes back by itself
//
// # Promises
//
// Both keep their streams in files under the test's temporary directory and call fsync for every acknowledged message,
// as production does (but see [Unsynced]), so what a test sees of ordering, refusals and restarts is what users get. The three run the
// configuration that is shipped for production. Everything is stopped when the test ends, and nothing is left running
// that goleak could find. What a server had to say is printed only when the test failed. Servers of tests that run at
// the same time know nothing of one another. An Example, which has no testing.TB, takes [Run].
//
// # Limits
//
// A server alone has no port unless [Listening] asks for one; the three listen on the loopback interface, at ports from
// 15000 to 29999. One starts in milliseconds, three in seconds. Whatever waits, waits at most a minute and fails the
// test. A server counts the declared limits of its streams against its store, 256 GiB unless [MaxStore] says otherwise.
// The cluster's configuration is read from the source tree: do not build tests with -trimpath.
//
// A server can be stopped and started again over the same files, which proves what survives a restart. It proves
// nothing about a power cut: the files of a server that stopped, or was killed, are whole in the page cache whether they
// were synced or not.
package streamtest

// Package streamtest starts real nats-servers inside a test binary: one ([Start]) or a cluster of three ([StartCluster]).
//
// Both keep their streams in files under the test's temporary directory and call fsync for every acknowledged message,
// as production does, so what a test sees of ordering, refusals and restarts is what users get. Everything is stopped
// when the test ends, and nothing is left running that goleak could find. What a server had to say is printed only
// when the test failed.
//
// A server can be stopped and started again over the same files, which proves what survives a restart. It proves
// nothing about a power cut: the files of a server that stopped, or was killed, are whole in the page cache whether they
// were synced or not.
package streamtest

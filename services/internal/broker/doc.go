// Package broker brings a process to its log: a nats-server of its own inside the process, or a NATS cluster that runs
// elsewhere. It is the one place that knows which; everything above works with the connection.
//
// # Embedded
//
// With no URL given the server runs in this process and opens no port but for publishers. Its streams lie in <data>/log, and every
// acknowledged message has been synced to disk. One process at a time owns a data directory: a second one is refused by
// a lock on <data>/lock that the kernel lets go of when its owner dies, however it dies.
//
// # Publishers
//
// With Config.Listen programs that speak NATS may bring events in: [Publisher]. Each brings an API token and gets an account
// of the server for itself, in which there is its tenant's part of the inbox, what was refused of it, and nothing else. What
// it publishes is carried into the stream by this process, without what JetStream would take for an order.
//
// # A full disk
//
// [Broker.Room] refuses while the disk has little room left, so that whoever brings events in is told before the server
// meets the end of the disk. When it does meet it (somebody else's files, a write that could not wait), it writes nothing
// more until it is restarted: the broker does that as soon as there is room, and keeps a ballast file, <data>/ballast, that
// it lets go to give the server the room to stop in order.
//
// # External
//
// With a URL the process connects, and keeps connecting for as long as it lives. Whether that cluster syncs before it
// acknowledges is its configuration's business and cannot be seen from a client, and so are its disks and who may
// publish.
//
// # What a crash loses
//
// Nothing that was acknowledged. A log whose files were taken away is noticed through [Marker], which remembers the
// streams that existed: an empty log must never pass for a new installation.
package broker

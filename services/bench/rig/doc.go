// Package rig is what the bench measures with: processes and what they use, the machine, a client of the API, a screen, a
// provider that keeps time, and a store of a given size.
//
// The system under test never says how well it did. Times are taken by the client and the provider, which share this
// process's clock; processor time and memory are the kernel's; what was stored is read from the disk.
package rig

// Package disk is a filesystem whose power can be cut: ext4 on a loop device over a file that is kept in memory. It
// shows what a kill cannot: a kill leaves the kernel's page cache alive, so nothing that was written is lost, synced or
// not; a power cut keeps only what has reached the disk.
//
// What the disk is: the backing file, its pages in memory included. A block counts as on the disk once the loop device
// has written it there, be that into a page of tmpfs or into the page cache over an image on another disk; dirty pages
// of the filesystem that is mounted from it do not count, and are not in a copy of it. Nothing has to be synced under
// the backing file, because the machine itself never goes down.
//
// How power is cut:
//
//  1. The caller kills (SIGKILL) every program that writes here, and waits for its end. What a program has been told
//     is durable is on the disk by then; what the kernel has not sent is lost with its pages. A program that runs on
//     meets errors that no real power cut shows, and worse: a sync that is under way just then now and then returns
//     without an error and has not come about. So [Disk.Cut] refuses while a process has a file open here.
//  2. The filesystem is shut down without its journal's last transaction (the kernel's own ioctl for this). From here
//     on the kernel sends nothing more: this is the moment of the cut.
//  3. The backing file is copied when nothing is in flight, and the device's counters must not have moved meanwhile:
//     a copy beside a write would mix two moments, and show a loss that no disk can have.
//  4. The old filesystem is unmounted (lazily if something holds it), the old image thrown away, the copy mounted at
//     the same place. Mounting replays the journal, as a boot does.
//  5. The next boot has another boot id: programs must be started through [Disk.Boot]. A program that trusts what it
//     did not sync within one run of the machine would else trust a page cache that is gone.
//
// What it does not show: a write is never torn within a block, and what the drive was sent but not told to flush is
// kept, while a real drive may lose it from its own cache. A flush that is missing below the filesystem is not found.
//
// It needs Linux, root, and the usual tools; [Available] says what is missing. Programs started through [Disk.Boot]
// hold the mounts of their time until they end, in their own mount namespace.
//
// [Limited] is a small filesystem of another kind, a tmpfs, to see what happens when a disk is full.
package disk

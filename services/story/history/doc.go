// Package history is the memory of a campaign, in which clients speak, ask and listen while the system is killed under
// them: what every client saw, and what was read at the end, saved as JSON Lines and judged offline. What is judged can
// be judged again, by a later and stricter check, without the campaign.
//
// [Recorder] writes, [Load] reads and [Check] judges. A check compares sets and orders and takes time linear in the
// length of the history (and the sorting of a reading). It holds what a client was answered against what is there:
// what was answered with success must be there, what was not may be there, and nothing else may.
package history

// Package notify is notification: it tells every open screen what became of calls and analyses, and keeps what each
// account has seen of it.
//
// It owns the stream KIKIGAKI_SEEN, one message an account under seen.<tenant>.<account>: how far it has read, and
// which failures it has not yet acknowledged. It follows KIKIGAKI_CALLS, from which all outcomes come: an analysis
// completed, failed or was cancelled; a call ended or was erased.
//
// An outcome's id is <incarnation>-<sequence> of its event in KIKIGAKI_CALLS. Ids are therefore the same on every
// replica and after every restart, and on one stream they only grow: a screen that was cut says which id it had last
// and goes on behind it, on any replica, without a gap and without hearing anything twice.
//
// Rooms: seen.go holds the rules of what is unseen and knows nothing of logs or RPC; follow.go and view.go turn events
// into the view; ring.go keeps the newest outcomes in memory for all open streams together; live.go moves one stream
// from the view into the ring and along it; subscribe.go and sse.go are the two ways a stream leaves the process;
// rpc.go and http.go answer the questions.
//
// A crash loses nothing: outcomes and what was seen are on the log, and what hangs on a process, its open streams, is
// taken up by the clients elsewhere.
package notify

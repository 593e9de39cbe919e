// Package follow keeps a view in step with the streams it is made from.
//
// A [Follower] owns one view. When it starts it asks whether the view still fits the log: same incarnation, a position
// within the stream, and the remembered messages still there and unchanged, or gone for a reason. If not, it puts the
// old file aside and reads everything anew. Then it applies what comes, in batches, each in one transaction with the
// position reached.
//
// Reads see the view as it is; who must see something in particular waits for its position ([Follower.WaitPosition]).
// Decisions go through [Follower.Commit], which brings the view up to what the leader has before each try.
package follow

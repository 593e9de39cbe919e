// Package identity says who is calling.
//
// The edge turns a credential into a [Caller] and a statement: who it is, signed by access, good for 60 seconds. The
// statement travels with every call between services; a service acting by itself signs one of its own. What a caller
// may do is asked of the Caller and never of plain metadata, and the tenant is always the Caller's.
package identity

// Package edge is where HTTP meets the services: it turns a cookie or a token into a caller, requests into values and
// faults into problem documents (RFC 9457). Every service that serves HTTP does it through here, so that they agree.
package edge

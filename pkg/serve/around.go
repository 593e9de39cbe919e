package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"google.golang.org/grpc"

	"github.com/kikigaki/kikigaki/pkg/fault"
)

// callTime is what a call gets that comes without a deadline. Streams last as long as they are wanted.
const callTime = 30 * time.Second

// around is what happens around every call.
type around struct{ log *slog.Logger }

func (a around) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (out any, err error) {
	if _, has := ctx.Deadline(); !has {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, callTime)
		defer cancel()
	}
	defer func() { err = a.leave(ctx, info.FullMethod, recover(), err) }()
	return next(ctx, req)
}

func (a around) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
	defer func() { err = a.leave(ss.Context(), info.FullMethod, recover(), err) }()
	return next(srv, ss)
}

// leave turns what a call ended with into a status. What lies on our side is logged here, because the cause does not
// cross to the caller; a caller that went away is nobody's fault.
func (a around) leave(ctx context.Context, method string, panicked any, err error) error {
	if panicked != nil {
		err = fault.New(fault.Internal, "INTERNAL", fault.Wrapping(fmt.Errorf("panic: %v\n%s", panicked, debug.Stack())))
	}
	if err == nil {
		return nil
	}
	switch kind := fault.KindOf(err); {
	case kind == fault.Internal || kind == fault.Other:
		a.log.ErrorContext(ctx, "a call failed", "method", method, "error", err)
	case kind.HTTPStatus() >= http.StatusInternalServerError && !errors.Is(err, context.Canceled):
		a.log.WarnContext(ctx, "a call could not be answered", "method", method, "error", err)
	}
	return fault.ToStatus(err).Err()
}

func faultUnary(
	ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, next grpc.UnaryInvoker,
	opts ...grpc.CallOption,
) error {
	return fault.FromStatus(next(ctx, method, req, reply, cc, opts...))
}

func faultStream(
	ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, next grpc.Streamer,
	opts ...grpc.CallOption,
) (grpc.ClientStream, error) {
	s, err := next(ctx, desc, cc, method, opts...)
	if err != nil {
		return nil, fault.FromStatus(err)
	}
	return &faultClientStream{ClientStream: s}, nil
}

// faultClientStream makes what a stream ends with a fault; io.EOF stays what it is.
type faultClientStream struct{ grpc.ClientStream }

// RecvMsg receives the next message.
func (s *faultClientStream) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return fault.FromStatus(err)
}

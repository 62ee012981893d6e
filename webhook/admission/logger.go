package admission

import (
	"github.com/go-logr/logr"
	ctrladmission "sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// requestLogger puts into every log line of a request what a reader needs to find it again. Most requests log
// nothing, so that it is put together only for a line that is written.
func requestLogger(base logr.Logger, req *ctrladmission.Request) logr.Logger {
	if req == nil {
		return base
	}
	return logr.New(&requestSink{base: base, request: req})
}

// requestSink is a [logr.LogSink] that hands on to another logger with the values of a request.
type requestSink struct {
	base    logr.Logger
	request *ctrladmission.Request
}

func (s *requestSink) logger() logr.Logger {
	req := s.request
	op := operation{req.Resource, req.SubResource, req.Operation}
	return s.base.WithValues("uid", req.UID, "namespace", cut(req.Namespace), "operation", cut(op.String()), "creator", cut(req.UserInfo.Username))
}

// Init implements [logr.LogSink]. The other logger's sink was initialized when that was made.
func (*requestSink) Init(logr.RuntimeInfo) {}

// Enabled implements [logr.LogSink].
func (s *requestSink) Enabled(level int) bool { return s.base.V(level).Enabled() }

// Info implements [logr.LogSink].
func (s *requestSink) Info(level int, message string, values ...any) {
	s.logger().V(level).Info(message, values...)
}

// Error implements [logr.LogSink].
func (s *requestSink) Error(err error, message string, values ...any) {
	s.logger().Error(err, message, values...)
}

// WithValues implements [logr.LogSink].
func (s *requestSink) WithValues(values ...any) logr.LogSink {
	return s.logger().WithValues(values...).GetSink()
}

// WithName implements [logr.LogSink].
func (s *requestSink) WithName(name string) logr.LogSink { return s.logger().WithName(name).GetSink() }

package admission

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"runtime"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/log"
	ctrladmission "sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"userscope.dev/userscope/webhook/limits"
	"userscope.dev/userscope/webhook/policy"
)

// The limits as the metric names them.
const (
	limitBody    = "body"
	limitValues  = "json-values"
	limitBytes   = "held-bytes"
	limitWait    = "wait"
	limitArrival = "arrival"
)

// limitedError is why a body is not decoded: it is too large, or too much is there already.
type limitedError struct {
	*unjudgedError
	limit string
	peer  string
	// uid is the request's, where as much was read of it.
	uid types.UID
	// rest means that more of the body may come.
	rest bool
}

// intake reads bodies within limits.
type intake struct {
	limits Limits
	// policies are those in force, whose bounds say how many values a body may have.
	policies func() policy.Policies
	bytes    *limits.Bytes
	turns    *limits.Turns
	// large are the turns of large bodies, which need one of these before the other: there is one place less, where
	// there are several, so that bodies of the ordinary size never wait for them.
	large *limits.Turns
	told  limits.Seldom
}

func newIntake(l Limits, policies func() policy.Policies) *intake {
	return &intake{limits: l, policies: policies, bytes: limits.NewBytes(l.Bytes), turns: limits.NewTurns(l.Decodes), large: limits.NewTurns(max(l.Decodes-1, 1))}
}

// body is what was read of one request, and what it holds meanwhile.
type body struct {
	data   []byte
	values limits.Values
	// maxValues is how many values it may have.
	maxValues int
	hold      *limits.Hold
	// turns are those that it has taken.
	turns []*limits.Turns
}

// take returns the bytes, which are the caller's from now on, so that they can go before the request ends.
func (b *body) take() []byte {
	data := b.data
	b.data = nil
	return data
}

// close gives back all that the request holds. A second time is none.
func (b *body) close() {
	b.hold.Release()
	for _, turns := range b.turns {
		turns.Give()
	}
	b.turns = nil
}

// errRevoked means that others, who hold less, need the bytes.
var errRevoked = errors.New("revoked")

// take reads a request's body and waits for its turn to be decoded. The body must be closed, also after an error.
func (in *intake) take(w http.ResponseWriter, r *http.Request) (*body, *limitedError) {
	ctx, cancel := context.WithCancelCause(r.Context())
	stop := context.AfterFunc(ctx, func() {
		if errors.Is(context.Cause(ctx), errRevoked) {
			// Without effect on what was read already; a recorder of a test knows no deadlines.
			_ = http.NewResponseController(w).SetReadDeadline(time.Now())
		}
	})
	defer stop()
	peer := limits.Peer(r)
	b := &body{hold: in.bytes.Hold(peer, func() { cancel(errRevoked) }), maxValues: in.limits.maxValues(in.policies)}
	err := in.read(ctx, b, r)
	if err == nil {
		err = in.await(ctx, b, peer)
	}
	if err != nil {
		err.peer, err.uid = peer, uidOf(b.data)
		b.data = nil
		b.close()
		if err.rest {
			discard(r.Body)
		}
	}
	return b, err
}

// firstRead is how many bytes are taken at first where the body does not say its length or is longer: more than
// most reviews have.
const firstRead = 64 << 10

// read reads the body, as long as there are bytes for it and it has no more values than it may.
func (in *intake) read(ctx context.Context, b *body, r *http.Request) *limitedError {
	size := int64(firstRead)
	for {
		if r.ContentLength >= 0 {
			size = min(size, r.ContentLength+1) // so that the end is seen without growing
		}
		if !b.hold.Grow(size - int64(cap(b.data))) {
			return in.noBytes(ctx)
		}
		grown := make([]byte, len(b.data), size)
		copy(grown, b.data)
		b.data = grown
		for len(b.data) < cap(b.data) {
			n, err := r.Body.Read(b.data[len(b.data):cap(b.data)])
			_, _ = b.values.Write(b.data[len(b.data) : len(b.data)+n])
			b.data = b.data[:len(b.data)+n]
			switch {
			case b.values.Count() > b.maxValues:
				return newLimited(limitValues, true, tooLarge("the body has more than %d JSON values (--max-json-values)", b.maxValues))
			case len(b.data) > maxBody:
				return newLimited(limitBody, true, tooLarge("the body is larger than %d bytes, for which there is no flag", maxBody))
			case err == nil:
			case errors.Is(context.Cause(ctx), errRevoked):
				return in.revoked()
			case errors.Is(err, os.ErrDeadlineExceeded):
				return newLimited(limitArrival, false, tooSlow("the body did not come in time (--read-timeout)"))
			default:
				// The end; or a connection that breaks, which leaves JSON that is cut off.
				return nil
			}
		}
		size = min(4*size, maxBody+1) // twice as much each time would leave as much again for the collector
		runtime.Gosched()             // so that nobody waits for those who send without a pause
	}
}

// maxDiscard bounds what is read of a body that is refused, beside the time that it may take to come.
const maxDiscard = 64 << 20

// discard reads the rest of a body: who is still writing would not read the answer.
func discard(rest io.Reader) {
	for range maxDiscard / firstRead {
		if _, err := io.CopyN(io.Discard, rest, firstRead); err != nil {
			return
		}
		runtime.Gosched()
	}
}

// await waits for the turn to be decoded.
func (in *intake) await(ctx context.Context, b *body, peer string) *limitedError {
	waiting, cancel := context.WithTimeout(ctx, in.limits.Wait)
	defer cancel()
	needed := []*limits.Turns{in.turns}
	if b.isLarge() {
		needed = []*limits.Turns{in.large, in.turns}
	}
	var err error
	for _, turns := range needed {
		if err = turns.Take(waiting, peer); err != nil {
			break
		}
		b.turns = append(b.turns, turns)
	}
	switch {
	case errors.Is(context.Cause(ctx), errRevoked), err == nil && !b.hold.Keep():
		return in.revoked()
	case ctx.Err() != nil:
		return newLimited(limitWait, false, tooMany("who sent it did not wait for its turn to be judged"))
	case err != nil:
		return newLimited(limitWait, false, tooMany("waited %s for one of %d places to be judged (--max-wait, --max-decodes)",
			in.limits.Wait, in.limits.Decodes))
	}
	return nil
}

// largeBody is how many bytes make a body large; so do a tenth of the values that it may have. Both are several times
// as much as an ordinary sandbox has.
const largeBody = 256 << 10

func (b *body) isLarge() bool { return len(b.data) > largeBody || b.values.Count() > b.maxValues/10 }

// noBytes is the refusal of a body for which there are no more bytes.
func (in *intake) noBytes(ctx context.Context) *limitedError {
	if errors.Is(context.Cause(ctx), errRevoked) {
		return in.revoked()
	}
	return newLimited(limitBytes, true, tooMany("this peer holds the most of the %d bytes for bodies (--max-held-bytes)", in.limits.Bytes))
}

func (in *intake) revoked() *limitedError {
	return newLimited(limitBytes, false, tooMany("other peers need some of the %d bytes for bodies, of which this one holds the most (--max-held-bytes)",
		in.limits.Bytes))
}

func newLimited(limit string, rest bool, err *unjudgedError) *limitedError {
	return &limitedError{unjudgedError: err, limit: limit, rest: rest}
}

// tell logs what was refused, but not each: whoever floods the webhook would flood the log.
func (in *intake) tell(err *limitedError) {
	if others, now := in.told.Now(); now {
		log.Log.WithName("admission").Info("refused by a limit", "uid", err.uid, "peer", err.peer, "reason", err.Error(), "othersSinceLastLine", others)
	}
}

// retryAfter is in how many seconds clients may try again, which those of client-go then do.
const retryAfter = 1

func (e *limitedError) response() ctrladmission.Response {
	response := e.unjudgedError.response()
	if e.code == http.StatusTooManyRequests {
		response.Result.Details = &metav1.StatusDetails{RetryAfterSeconds: retryAfter}
	}
	return response
}

// maxUIDAt is how much of a body is searched for its uid, which API servers write at once.
const maxUIDAt = 4 << 10

// uidOf finds request.uid in the beginning of a review: without it API servers believe no answer.
func uidOf(data []byte) types.UID {
	decoder := json.NewDecoder(strings.NewReader(string(data[:min(len(data), maxUIDAt)])))
	for _, name := range []string{"request", "uid"} {
		if !seek(decoder, name) {
			return ""
		}
	}
	uid, err := decoder.Token()
	if err != nil {
		return ""
	}
	text, _ := uid.(string)
	return types.UID(text)
}

// seek moves a decoder into an object, to the value of a member.
func seek(decoder *json.Decoder, name string) bool {
	if bracket, err := decoder.Token(); err != nil || bracket != json.Delim('{') {
		return false
	}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return false
		}
		if key == name {
			return true
		}
		var skipped json.RawMessage
		if decoder.Decode(&skipped) != nil {
			return false
		}
	}
	return false
}

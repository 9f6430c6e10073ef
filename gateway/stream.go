package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/sluice-gateway/sluice/providers"
)

// stream delivers server-sent events as they come. Until the first event nothing has
// been sent to the client, so a failure may still try elsewhere; after it, a failure
// ends the stream in an error event and never in [DONE].
func (a *try) stream(ctx context.Context, resp *http.Response) *failedAttempt {
	x := a.x
	s := a.open(a.watch.reader(resp.Body, a.up.timeouts.Idle))
	relay := &relay{try: a, out: http.NewResponseController(x.w)}
	for {
		e, err := s.Next()
		if err == nil && e.Failure != nil {
			return relay.broken(*e.Failure)
		}
		if err != nil {
			return relay.end(ctx, err)
		}
		if err := relay.event(e); err != nil {
			relay.clientGone()
			return nil
		}
		if e.Done {
			a.settle(relay.total())
			a.watch.within(drainAfterDone)
			_, _ = s.Next() // up to the end of the body, so that the connection serves again
			return nil
		}
	}
}

// drainAfterDone is how long an upstream may take to end a body after [DONE].
const drainAfterDone = 20 * time.Millisecond

// open begins to read the upstream's stream.
func (a *try) open(body io.Reader) providers.Stream {
	if o, ok := a.up.dialect.(providers.StreamOpener); ok {
		return o.StreamWith(body, providers.StreamOptions{StripUsageNull: !a.x.req.IncludeUsage})
	}
	return a.up.dialect.Stream(body)
}

// relay is one stream on its way to the client.
type relay struct {
	*try
	out   *http.ResponseController
	begun bool
	usage providers.Usage
	text  []byte // generated text not yet counted
	count int64  // generated tokens counted
	frame []byte
}

// countEvery bounds the generated text that is kept before it is counted.
const countEvery = 16 << 10

// event passes one event on.
func (r *relay) event(e providers.Event) error {
	x := r.x
	if e.Usage != nil && e.Usage.Known {
		r.usage = *e.Usage
	}
	r.text = append(r.text, e.Text...)
	if len(r.text) > countEvery {
		r.countText()
	}
	if e.Comment && !r.begun {
		return nil // a keep-alive says nothing about whether the call will succeed
	}
	if e.UsageOnly && !x.req.IncludeUsage {
		return nil
	}
	if !r.begun {
		r.begin()
	}
	switch {
	case e.Done:
		return r.last([]byte("data: [DONE]\n\n"))
	case e.Comment:
		return r.write([]byte(": keep-alive\n\n"))
	}
	x.keepAnswer(e.Data)
	r.frame = append(r.frame[:0], "data: "...)
	r.frame = append(r.frame, e.Data...)
	r.frame = append(r.frame, "\n\n"...)
	if x.place != nil {
		x.offer(r.frame)
		x.filtered = x.filtered || filteredOut(e.Data)
	}
	return r.write(r.frame)
}

// last ends a complete stream; that its client has gone by now changes nothing for
// others.
func (r *relay) last(frame []byte) error {
	r.x.offer(frame)
	r.x.offered(r.target)
	return r.write(frame)
}

func (r *relay) begin() {
	x := r.x
	r.begun = true
	commented := x.streamOpen
	x.begin(r.grant, "text/event-stream")
	x.record.Stream, x.record.Outcome, x.record.Status = true, "ok", http.StatusOK
	if commented {
		return
	}
	x.w.Header().Set("Cache-Control", "no-cache")
	x.w.Header().Set("X-Accel-Buffering", "no")
	x.w.WriteHeader(http.StatusOK)
}

// write sends one event at once. A client that does not take it within the write
// timeout is given up; nothing but the sockets' buffers stands between the upstream
// and the client, so a slow reader slows the upstream and holds no memory here.
func (r *relay) write(frame []byte) error {
	if err := r.out.SetWriteDeadline(time.Now().Add(r.x.rt.writeTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	r.x.record.Bytes += int64(len(frame))
	if _, err := r.x.w.Write(frame); err != nil {
		return err
	}
	return r.out.Flush()
}

// end is the end of the upstream's stream without a Done.
func (r *relay) end(ctx context.Context, err error) *failedAttempt {
	if errors.Is(err, io.EOF) {
		err = providers.ErrTruncated
	}
	f := r.transportFailure(ctx, err)
	if errors.Is(err, providers.ErrTruncated) && context.Cause(ctx) == nil {
		f = providers.Failure{Kind: providers.Connection, Status: r.status, Message: "the upstream's stream was cut"}
	}
	if r.begun && errors.Is(context.Cause(ctx), errShutdown) {
		r.cut(f, r.x.gone(ctx))
		return nil
	}
	return r.broken(f)
}

// broken ends a stream that failed: unseen before the first event, with an error
// event after it.
func (r *relay) broken(f providers.Failure) *failedAttempt {
	if !r.begun {
		return r.fail(f, true)
	}
	if f.Kind == providers.Cancelled {
		r.clientGone()
		return nil
	}
	r.cut(f, upstreamError(f))
	return nil
}

// cut settles what came and ends the client's stream in an error event.
func (r *relay) cut(f providers.Failure, e *apiError) {
	x := r.x
	r.kind = f.Kind.String()
	r.settle(r.total())
	x.record.Outcome, x.record.ErrorCode, x.record.Error = "stream_broken", e.code, f.Message
	_ = r.write(e.frame()) // the client is told what can be told; it may have gone
}

// clientGone settles with what was produced until the client left or stopped reading.
func (r *relay) clientGone() {
	r.x.record.Outcome = "client_gone"
	r.kind = providers.Cancelled.String()
	r.settle(r.total())
}

// total is the upstream's own usage, or else what was counted.
func (r *relay) total() providers.Usage {
	if r.usage.Known {
		return r.usage
	}
	r.countText()
	return providers.Usage{Input: r.countedInput(), Output: r.count}
}

func (r *relay) countText() {
	r.count += r.x.g.tokens.CountOutput(r.target.model, r.text)
	r.text = r.text[:0]
}

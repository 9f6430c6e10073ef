package jobs

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/simulation/trace"
	"github.com/sluice-gateway/sluice/web/api"
)

// maxNames bounds the bytes of all names in an uploaded trace.
const maxNames = 32 << 20

// readUpload reads the trace that comes with a job.
func (s *Jobs) readUpload(ctx context.Context, j *job, upload io.Reader, most int) error {
	unusable := func(err error) error {
		return api.Invalid("the trace cannot be used", map[string]string{"trace": err.Error()})
	}
	plain, err := unpacked(upload, s.o.MaxUnpacked)
	if err != nil {
		return unusable(err)
	}
	j.trace, err = trace.Read(plain, trace.Options{MaxCalls: most, MaxNames: maxNames, From: j.scenario.From, Length: j.scenario.Length})
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return &api.Error{Status: http.StatusRequestEntityTooLarge, Code: "request_too_large", Message: "the trace is larger than 50 MiB"}
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil && most < s.o.MaxCalls && strings.HasSuffix(err.Error(), fmt.Sprintf("more than %d calls", most)):
		return busy(noMemory)
	case err != nil:
		return unusable(err)
	}
	for _, p := range j.trace.Problems {
		j.shown.Problems = append(j.shown.Problems, api.TraceProblem{Line: p.Line, Reason: p.Reason})
	}
	j.shown.Skipped = j.trace.Skipped
	return nil
}

// readKept takes the trace of an earlier job.
func (s *Jobs) readKept(j *job, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	unusable := func(why string) error {
		return api.Invalid("the simulation cannot be run", map[string]string{"trace": why})
	}
	other := s.find(id)
	if other == nil {
		return unusable("must be last_hour or the id of an earlier simulation; there is none of this id")
	}
	if j.trace = other.trace; j.trace == nil {
		j.trace = s.kept(other.shown.TraceID)
	}
	if j.trace == nil {
		return unusable("the trace of this simulation is not kept any more: upload it again")
	}
	x := &other.shown
	j.shown.Trace, j.shown.Since, j.shown.Problems, j.shown.Skipped = x.Trace, x.Since, x.Problems, x.Skipped
	return nil
}

// unpacked reads gzip where the upload is gzip.
func unpacked(r io.Reader, most int64) (io.Reader, error) {
	b := bufio.NewReader(r)
	if magic, err := b.Peek(2); err != nil || magic[0] != 0x1f || magic[1] != 0x8b {
		return b, nil // what is too short is told by whoever reads it
	}
	z, err := gzip.NewReader(b)
	if err != nil {
		return nil, errors.New("it begins like gzip and is not")
	}
	return &bounded{r: z, left: most, most: most}, nil
}

// bounded reads so much and then fails.
type bounded struct {
	r          io.Reader
	left, most int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("it unpacks to more than %d MiB", b.most>>20)
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// readRecorded takes what was called in the last hour.
func (s *Jobs) readRecorded(ctx context.Context, j *job, most int) error {
	now := s.o.Now()
	calls, err := s.o.Recording.Recorded(ctx, now.Add(-time.Hour), now, most)
	switch {
	case err != nil:
		return err
	case len(calls) == 0:
		return api.Invalid("the simulation cannot be run", map[string]string{"trace": "nothing was served in the last hour"})
	}
	j.shown.Trace = lastHour
	j.shown.Since = pointer(calls[0].At)
	j.trace = cut(calls, j.scenario.From, j.scenario.Length)
	if len(j.trace.Calls) == 0 {
		return api.Invalid("the simulation cannot be run", map[string]string{"options.from": "no call of the last hour is left"})
	}
	return nil
}

// cut makes a trace of recorded calls, in order of time, or of a part of them.
func cut(calls []Recorded, from, length time.Duration) *trace.Trace {
	t := &trace.Trace{Calls: make([]trace.Call, 0, len(calls))}
	for _, c := range calls {
		at := c.At.Sub(calls[0].At) - from
		if at < 0 || length > 0 && at >= length {
			continue
		}
		c.Call.At = at
		t.Calls = append(t.Calls, c.Call)
	}
	return t
}

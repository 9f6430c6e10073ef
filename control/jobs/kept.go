package jobs

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"

	"github.com/sluice-gateway/sluice/simulation/trace"
)

// kept is a trace that another job may be asked for with: what is compared has to be
// played the very same calls.
type kept struct {
	id    string
	trace *trace.Trace
	size  int64
}

// keep remembers a trace where there is memory left for it; the lock is held.
func (s *Jobs) keep(id string, t *trace.Trace) {
	k := kept{id, t, sizeOf(t)}
	if s.kept(id) != nil || s.memory+k.size > s.o.MaxMemory {
		return
	}
	s.memory += k.size
	s.traces = append(s.traces, k)
}

// kept answers a trace, nil where it is not kept; the lock is held.
func (s *Jobs) kept(id string) *trace.Trace {
	if i := slices.IndexFunc(s.traces, func(k kept) bool { return k.id == id }); i >= 0 {
		return s.traces[i].trace
	}
	return nil
}

// makeRoom forgets traces, the oldest first, until so many bytes are free; false: they
// are not. The lock is held.
func (s *Jobs) makeRoom(bytes int64) bool {
	for len(s.traces) > 0 && s.memory+bytes > s.o.MaxMemory {
		s.memory -= s.traces[0].size
		s.traces = slices.Delete(s.traces, 0, 1)
	}
	return s.memory+bytes <= s.o.MaxMemory
}

// dropTraces forgets the traces that no job is known by any more; the lock is held.
func (s *Jobs) dropTraces() {
	s.traces = slices.DeleteFunc(s.traces, func(k kept) bool {
		if slices.ContainsFunc(s.all, func(j *job) bool { return j.shown.TraceID == k.id }) {
			return false
		}
		s.memory -= k.size
		return true
	})
}

// nameOf names the calls of a trace: the same calls have the same name.
func nameOf(t *trace.Trace) string {
	sum := sha256.New()
	var b []byte
	for i := range t.Calls {
		c := &t.Calls[i]
		b = b[:0]
		for _, n := range []int64{int64(c.At), c.Input, c.Output, c.MaxTokens} {
			b = binary.AppendVarint(b, n)
		}
		for _, s := range []string{c.Model, c.Priority, c.Client, c.Session} {
			b = binary.AppendUvarint(b, uint64(len(s)))
			b = append(b, s...)
		}
		_, _ = sum.Write(b) // never fails
	}
	return "trace_" + hex.EncodeToString(sum.Sum(nil)[:8])
}

// Bytes that a call takes: as it is recorded, and as it is played. A name of a client or
// a session is counted beside them.
const (
	recordedSize = 128
	playedSize   = 400
)

// sizeOf is what a trace takes at most.
func sizeOf(t *trace.Trace) int64 {
	n := int64(len(t.Calls)) * recordedSize
	last := [2]string{}
	for i := range t.Calls {
		c := &t.Calls[i]
		for k, name := range [...]string{c.Client, c.Session} {
			if name != last[k] {
				n += int64(len(name))
				last[k] = name
			}
		}
	}
	return n
}

// memoryOf estimates what a job takes at most, its trace included.
func memoryOf(t *trace.Trace, load float64) int64 {
	return sizeOf(t) + int64(float64(len(t.Calls))*playedSize*max(load, 1))
}

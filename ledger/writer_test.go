package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// memory is a store that keeps what it is given, once each, in the order in which it
// first came.
type memory struct {
	Store // what is not needed here
	mu    sync.Mutex
	ids   map[string]int // how often each came
	order []string
	calls []int // entries of each Append that went through
	hook  func(ctx context.Context, entries []Entry) error
}

func (m *memory) Append(ctx context.Context, entries []Entry) error {
	m.mu.Lock()
	hook := m.hook
	m.mu.Unlock()
	if hook != nil {
		if err := hook(ctx, entries); err != nil {
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ids == nil {
		m.ids = map[string]int{}
	}
	for i := range entries {
		id := entries[i].id()
		if m.ids[id]++; m.ids[id] == 1 {
			m.order = append(m.order, id)
		}
	}
	m.calls = append(m.calls, len(entries))
	return nil
}

func (m *memory) set(hook func(context.Context, []Entry) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hook = hook
}

func (m *memory) has(t *testing.T, n int) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.order) != n {
		t.Errorf("the store has %d rows, want %d", len(m.order), n)
	}
	for i, id := range m.order {
		if id != name(i) {
			t.Errorf("row %d is %s: not in order", i, id)
			return
		}
	}
}

func name(i int) string { return fmt.Sprintf("req_%06d", i) }

func entry(i int) Entry {
	return Entry{Request: &Request{ID: name(i), Key: "web", Outcome: "ok", At: time.Unix(int64(i), 0).UTC()},
		Attempts: []Attempt{{RequestID: name(i), Provider: "p", Cost: int64(i)}}}
}

func newWriter(t *testing.T, o Options) *Writer {
	t.Helper()
	w, err := NewWriter(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = w.Close(ctx) // a test that wants more closes it itself
	})
	return w
}

func closed(t *testing.T, w *Writer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := w.Close(ctx); err != nil {
		t.Error(err)
	}
}

func down(context.Context, []Entry) error { return errors.New("the database is gone") }

func hung(ctx context.Context, _ []Entry) error { <-ctx.Done(); return ctx.Err() }

func TestAGroupIsCommittedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		w := newWriter(t, Options{Store: m})
		for i := range 10 {
			w.Write(entry(i))
		}
		time.Sleep(49 * time.Millisecond)
		synctest.Wait()
		m.has(t, 0)
		time.Sleep(time.Millisecond)
		synctest.Wait()
		m.has(t, 10)
		for i := range 1200 {
			w.Write(entry(10 + i))
		}
		synctest.Wait() // 500 do not wait for the time to be over
		closed(t, w)
		m.has(t, 1210)
		s := w.Stats()
		if s.Written != (Rows{Requests: 1210, Attempts: 1210}) || s.Waiting != 0 || s.WaitingBytes != 0 || s.Failing || s.LastCommit.IsZero() {
			t.Errorf("%+v", s)
		}
		if len(m.calls) > 4 || m.calls[0] != 10 {
			t.Errorf("commits of %v", m.calls)
		}
	})
}

// A store that hangs costs neither time nor rows: they are on disk within 111 ms.
func TestAHungStoreIsSpooledBeside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, dir := &memory{hook: hung}, t.TempDir()
		w := newWriter(t, Options{Store: m, Dir: dir})
		begin := time.Now()
		for i := range 100 {
			w.Write(entry(i))
		}
		if time.Since(begin) != 0 {
			t.Error("Write waits")
		}
		time.Sleep(111 * time.Millisecond)
		synctest.Wait()
		if s := w.Stats(); s.Waiting != 0 || s.SpoolBytes == 0 || s.Spooled.Requests != 100 {
			t.Fatalf("after 111 ms: %+v", s)
		}
		for i := range 100 {
			w.Write(entry(100 + i))
		}
		time.Sleep(51 * time.Millisecond)
		synctest.Wait()
		if s := w.Stats(); s.Waiting != 0 || s.Spooled.Requests != 200 {
			t.Fatalf("%+v", s)
		}
		m.set(nil)
		time.Sleep(commitTimeout + maxBackoff)
		synctest.Wait()
		m.has(t, 200)
		if s := w.Stats(); s.SpoolBytes != 0 || s.Failing || s.Written.Requests != 200 || s.Lost.Rows != (Rows{}) {
			t.Errorf("%+v", s)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "*.spool")); len(left) != 0 {
			t.Errorf("left behind: %v", left)
		}
	})
}

func TestARestartReadsTheSpoolFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, dir := &memory{hook: down}, t.TempDir()
		w := newWriter(t, Options{Store: m, Dir: dir})
		for i := range 50 {
			w.Write(entry(i))
			time.Sleep(10 * time.Millisecond)
		}
		if !w.Stats().Failing || w.Stats().LastError != "the database is gone" {
			t.Errorf("%+v", w.Stats())
		}
		closed(t, w)
		m.has(t, 0)
		if st, err := os.Stat(filepath.Join(dir, "00000001.spool")); err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%v %v", st, err)
		}
		m.set(nil)
		w = newWriter(t, Options{Store: m, Dir: dir})
		if w.Stats().SpoolBytes == 0 {
			t.Error("nothing to catch up with")
		}
		for i := range 50 {
			w.Write(entry(50 + i))
		}
		time.Sleep(time.Second)
		synctest.Wait()
		m.has(t, 100)
		closed(t, w)
	})
}

// Rows come in order while the store is gone, comes back, and goes again.
func TestCatchingUpIsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		w := newWriter(t, Options{Store: m, Dir: t.TempDir()})
		for i := range 3000 {
			switch i {
			case 500, 2000:
				m.set(down)
			case 1500:
				m.set(nil)
			}
			w.Write(entry(i))
			time.Sleep(2 * time.Millisecond)
		}
		m.set(nil)
		time.Sleep(2 * maxBackoff)
		synctest.Wait()
		m.has(t, 3000)
		if s := w.Stats(); s.Written.Requests != 3000 || s.Lost.Rows != (Rows{}) {
			t.Errorf("%+v", s)
		}
	})
}

func TestWhatNobodyCanKeepIsCountedAndNoted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		m, dir := &memory{hook: down}, t.TempDir()
		o := Options{Store: m, Dir: dir, MaxEntries: 100, MaxSpool: 30_000, Log: slog.New(slog.NewTextHandler(&log, nil))}
		w := newWriter(t, o)
		const n = 1000
		for i := range n {
			w.Write(entry(i))
			time.Sleep(5 * time.Millisecond)
		}
		s := w.Stats()
		if s.Waiting != 100 || s.SpoolBytes > 30_000 || s.Lost.Requests != n-100-s.Spooled.Requests || s.Lost.Attempts != s.Lost.Requests {
			t.Fatalf("%+v", s)
		}
		time.Sleep(lossTold)
		synctest.Wait()
		if !strings.Contains(log.String(), fmt.Sprintf("ledger lost %d request rows, %d attempt rows", s.Lost.Requests, s.Lost.Requests)) &&
			strings.Count(log.String(), "ledger lost") < 1 {
			t.Error(log.String())
		}
		m.set(nil)
		time.Sleep(2 * maxBackoff)
		closed(t, w)
		after := w.Stats()
		if after.Written.Requests+after.Lost.Requests != n || after.Lost != s.Lost {
			t.Errorf("%d written, %d lost, of %d", after.Written.Requests, after.Lost.Requests, n)
		}
		w = newWriter(t, o)
		if got := w.Stats().Lost; got.Rows != s.Lost.Rows || !got.From.Equal(s.Lost.From) || !got.To.Equal(s.Lost.To) {
			t.Errorf("the note says %+v, want %+v", got, s.Lost)
		}
	})
}

// A disk that takes nothing is like no spool at all: memory holds what it can.
func TestABrokenDiskFailsNoCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, dir := &memory{hook: down}, t.TempDir()
		w := newWriter(t, Options{Store: m, Dir: dir})
		if err := os.Mkdir(filepath.Join(dir, "00000001.spool"), 0o700); err != nil { // in the way
			t.Fatal(err)
		}
		for i := range 100 {
			w.Write(entry(i))
		}
		time.Sleep(time.Second)
		if s := w.Stats(); s.Waiting != 100 || s.Lost.Rows != (Rows{}) {
			t.Fatalf("%+v", s)
		}
		if err := os.Remove(filepath.Join(dir, "00000001.spool")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if s := w.Stats(); s.Waiting != 0 || s.Spooled.Requests != 100 {
			t.Fatalf("the disk has room again: %+v", s)
		}
		m.set(nil)
		time.Sleep(2 * maxBackoff)
		synctest.Wait()
		m.has(t, 100)
	})
}

// What a failed sync may have lost is in hand again, in order, and goes to another file.
func TestAFailedSyncIsDoneAgain(t *testing.T) {
	o, err := Options{Store: &memory{}}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	w := &Writer{o: o, syncs: make(chan syncing, 1)}
	w.spool, _ = mustOpen(t, t.TempDir())
	defer w.spool.close()
	first := []Entry{entry(0), entry(1)}
	w.held = 2
	if !w.keep(first, time.Now()) {
		t.Fatal("not written")
	}
	<-w.syncs // it went well, and is told otherwise
	w.synced(syncing{w.spool.file, errors.New("the disk is broken")})
	if len(w.back.hand) != 2 || w.held != 2 || w.keep(first, time.Now()) {
		t.Fatalf("%d in hand, %d held, or tried again at once", len(w.back.hand), w.held)
	}
	if !w.keep(append(w.back.hand, entry(2)), time.Now().Add(time.Second)) || w.spool.segments[len(w.spool.segments)-1].number != 2 {
		t.Fatal("not written to another file")
	}
	w.held++
	w.synced(<-w.syncs)
	if w.held != 0 || len(w.back.syncing)+len(w.back.written) != 0 {
		t.Errorf("%d held", w.held)
	}
	got, _ := drain(t, w.spool, 2)
	if len(got) != 5 || got[4] != name(2) { // those that were written twice count once in a store
		t.Errorf("read %v", got)
	}
}

func TestWithoutASpoolMemoryWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{hook: down}
		w := newWriter(t, Options{Store: m})
		for i := range 100 {
			w.Write(entry(i))
		}
		time.Sleep(10 * time.Second)
		m.set(nil)
		time.Sleep(maxBackoff)
		synctest.Wait()
		m.has(t, 100)
		m.set(down)
		w.Write(entry(100))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := w.Close(ctx); err == nil || w.Stats().Lost.Requests != 1 {
			t.Errorf("%v %+v", err, w.Stats())
		}
	})
}

func TestARowThatTheStoreWillNeverTakeIsLostAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{hook: func(_ context.Context, entries []Entry) error {
			for i := range entries {
				if entries[i].id() == name(7) {
					return fmt.Errorf("%w: no", ErrInvalid)
				}
			}
			return nil
		}}
		w := newWriter(t, Options{Store: m})
		for i := range 20 {
			w.Write(entry(i))
		}
		closed(t, w)
		if s := w.Stats(); s.Written.Requests != 19 || s.Lost.Requests != 1 || s.Failing {
			t.Errorf("%+v", s)
		}
	})
}

func TestContentsGiveWayToRows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{hook: down}
		w := newWriter(t, Options{Store: m, MaxBytes: 200_000})
		for i := range 50 {
			e := entry(i)
			e.Content = &Content{RequestID: name(i), Prompt: make([]byte, 10_000)}
			w.Write(e)
		}
		if s := w.Stats(); s.Lost.Requests != 0 || s.Lost.Contents != 41 || s.WaitingBytes > 200_000 {
			t.Errorf("%+v", s)
		}
	})
}

func TestManyGoroutinesWrite(t *testing.T) {
	m := &memory{}
	w := newWriter(t, Options{Store: m, Dir: t.TempDir(), Every: time.Millisecond})
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range 1000 {
				w.Write(entry(g*1000 + i))
			}
		})
	}
	all.Wait()
	closed(t, w)
	if s := w.Stats(); len(m.order) != 8000 || s.Written.Requests < 8000 || s.Waiting != 0 || s.Lost.Rows != (Rows{}) {
		t.Errorf("%d rows, %+v", len(m.order), s)
	}
	w.Write(entry(8000))
	if w.Stats().Lost.Requests != 1 {
		t.Error("a row after the end is not counted")
	}
}

func TestASpoolBelongsToOneProcess(t *testing.T) {
	dir := t.TempDir()
	newWriter(t, Options{Store: &memory{}, Dir: dir})
	if _, err := NewWriter(Options{Store: &memory{}, Dir: dir}); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("got %v", err)
	}
}

func BenchmarkWrite(b *testing.B) {
	w, err := NewWriter(Options{Store: &memory{hook: func(context.Context, []Entry) error { return nil }}})
	if err != nil {
		b.Fatal(err)
	}
	e := entry(1)
	b.ReportAllocs()
	for b.Loop() {
		w.Write(e)
	}
	_ = w.Close(context.Background())
}

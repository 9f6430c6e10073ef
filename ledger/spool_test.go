package ledger

import (
	"os"
	"path/filepath"
	"testing"
)

func mustOpen(t testing.TB, dir string) (*spool, int64) {
	t.Helper()
	s, cut, err := openSpool(dir, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	return s, cut
}

// drain reads and consumes everything.
func drain(t testing.TB, s *spool, most int) (ids []string, damaged int64) {
	t.Helper()
	for !s.empty() {
		c, err := s.read(most, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		for i := range c.entries {
			ids = append(ids, c.entries[i].id())
		}
		damaged += c.damaged
		if err := s.consume(c); err != nil {
			t.Fatal(err)
		}
	}
	return ids, damaged
}

func fill(t testing.TB, s *spool, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if bad, err := s.append([]Entry{entry(i)}); err != nil || len(bad) > 0 {
			t.Fatal(bad, err)
		}
	}
}

func wantIDs(t testing.TB, got []string, n int) {
	t.Helper()
	if len(got) != n {
		t.Fatalf("%d entries, want %d", len(got), n)
	}
	for i := range got {
		if got[i] != name(i) {
			t.Fatalf("entry %d is %s", i, got[i])
		}
	}
}

// Wherever a kill cuts the file, what was whole is read, and the spool goes on.
func TestATornTailIsCut(t *testing.T) {
	dir := t.TempDir()
	s, _ := mustOpen(t, dir)
	fill(t, s, 0, 3)
	s.close()
	file := filepath.Join(dir, "00000001.spool")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	one := len(whole) / 3
	for n := range len(whole) + 1 {
		if in := n % one; in > frameHeader+2 && in < one-2 && in%97 != 0 {
			continue // the middle of an entry: some will do
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "00000001.spool"), whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		s, cut := mustOpen(t, dir)
		if int(cut) != n-n/one*one {
			t.Fatalf("%d bytes: %d cut", n, cut)
		}
		fill(t, s, n/one, 4)
		got, damaged := drain(t, s, 2)
		wantIDs(t, got, 4)
		if damaged != 0 || s.bytes != 0 {
			t.Fatalf("%d bytes: %d damaged, %d left", n, damaged, s.bytes)
		}
		s.close()
	}
}

func TestDamageIsBoundedToItsSegment(t *testing.T) {
	dir := t.TempDir()
	s, _ := mustOpen(t, dir)
	fill(t, s, 0, 10)
	s.seal()
	fill(t, s, 10, 20)
	s.close()
	file := filepath.Join(dir, "00000001.spool")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	s, _ = mustOpen(t, dir)
	defer s.close()
	got, damaged := drain(t, s, 100)
	if damaged == 0 || len(got) < 14 || len(got) > 16 || got[len(got)-1] != name(19) {
		t.Errorf("%d damaged; read %v", damaged, got)
	}
}

func TestTheSpoolIsBoundedAndGoesOn(t *testing.T) {
	s, _, err := openSpool(t.TempDir(), 2000)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	n := 0
	for ; ; n++ {
		if _, err := s.append([]Entry{entry(n)}); err != nil {
			break
		}
	}
	if s.bytes > 2000 || n < 2 {
		t.Fatalf("%d entries in %d bytes", n, s.bytes)
	}
	got, _ := drain(t, s, 100)
	wantIDs(t, got, n)
	fill(t, s, 0, 2)
	got, _ = drain(t, s, 1)
	wantIDs(t, got, 2)
}

// A write that fails leaves nothing behind, and the next one goes through.
func TestAFailedWriteLeavesNothing(t *testing.T) {
	s, _ := mustOpen(t, t.TempDir())
	defer s.close()
	fill(t, s, 0, 2)
	_ = s.file.Close() // the next write fails
	if _, err := s.append([]Entry{entry(9)}); err == nil {
		t.Fatal("no error")
	}
	fill(t, s, 2, 4)
	got, damaged := drain(t, s, 100)
	wantIDs(t, got, 4)
	if damaged != 0 {
		t.Errorf("%d damaged", damaged)
	}
}

func FuzzSpool(f *testing.F) {
	dir := f.TempDir()
	s, _ := mustOpen(f, dir)
	fill(f, s, 0, 2)
	s.close()
	whole, err := os.ReadFile(filepath.Join(dir, "00000001.spool"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add([]byte{0, 0, 0, 2, 0, 0, 0, 0, '{', '}'})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "00000001.spool"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		s, _ := mustOpen(t, dir)
		defer s.close()
		fill(t, s, 0, 1)
		got, _ := drain(t, s, 10)
		if len(got) == 0 || got[len(got)-1] != name(0) {
			t.Errorf("what was written afterwards is not read: %v", got)
		}
	})
}

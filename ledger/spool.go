package ledger

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// spool is entries on disk, first in first out: segments of frames, appended at the end
// and removed from the front. A frame is the length of an entry, its checksum, and the
// entry as JSON. It belongs to one goroutine.
type spool struct {
	dir      string
	max      int64 // bytes, of all segments
	segments []segment
	file     *os.File // of the last segment, while it is appended to; nil: the next append begins one
	bytes    int64    // of all segments
	offset   int64    // in the first segment: what is before it has been consumed
	next     int      // number of the next segment
	lock     *os.File
	buf      bytes.Buffer
}

type segment struct {
	number int
	size   int64 // what is valid of it
}

// maxSegment is when the next segment begins; what has been consumed of the first one is
// read again after a restart.
const maxSegment = 8 << 20

// maxFrame bounds an entry on disk: trails and contents are bounded where they are made.
const maxFrame = 64 << 20

const frameHeader = 8

var (
	errSpoolFull   = errors.New("the ledger's spool is full")
	errSpoolBroken = errors.New("damaged")
)

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// openSpool opens the spool in a directory, which it makes where it is missing, and cuts
// a torn tail. It answers how many bytes were cut.
func openSpool(dir string, most int64) (s *spool, cut int64, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, 0, err
	}
	s = &spool{dir: dir, max: most, next: 1}
	if s.lock, err = lockDir(dir); err != nil {
		return nil, 0, err
	}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	names, err := filepath.Glob(filepath.Join(dir, "*"+spoolSuffix))
	if err != nil {
		return nil, 0, err
	}
	for _, name := range names {
		n, err := strconv.Atoi(strings.TrimSuffix(filepath.Base(name), spoolSuffix))
		if err != nil {
			continue // not one of ours
		}
		st, err := os.Stat(name)
		if err != nil {
			return nil, 0, err
		}
		s.segments = append(s.segments, segment{n, st.Size()})
		s.bytes += st.Size()
		s.next = max(s.next, n+1)
	}
	slices.SortFunc(s.segments, func(a, b segment) int { return a.number - b.number })
	cut, err = s.cutTail()
	return s, cut, err
}

const spoolSuffix = ".spool"

func (s *spool) path(number int) string {
	return filepath.Join(s.dir, fmt.Sprintf("%08d%s", number, spoolSuffix))
}

// cutTail cuts what a kill left half written at the end of the last segment.
func (s *spool) cutTail() (int64, error) {
	if len(s.segments) == 0 {
		return 0, nil
	}
	last := &s.segments[len(s.segments)-1]
	f, err := os.OpenFile(s.path(last.number), os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	r, good := bufio.NewReaderSize(f, 1<<16), int64(0)
	for {
		payload, err := readFrame(r, last.size-good)
		if err != nil {
			break
		}
		good += frameHeader + int64(len(payload))
	}
	cut := last.size - good
	if cut > 0 {
		if err := f.Truncate(good); err != nil {
			return 0, err
		}
		s.bytes -= cut
		last.size = good
	}
	if good == 0 {
		return cut, s.drop(len(s.segments) - 1)
	}
	return cut, nil
}

// drop removes a segment.
func (s *spool) drop(i int) error {
	g := s.segments[i]
	s.segments = slices.Delete(s.segments, i, i+1)
	s.bytes -= g.size
	return os.Remove(s.path(g.number))
}

// empty says that nothing waits.
func (s *spool) empty() bool { return len(s.segments) == 0 }

// append writes entries behind all others; after an error none of them is there. They
// survive a kill of the process when it returns, and a loss of power after the next sync
// of the file. An entry that cannot be written at all is answered in bad.
func (s *spool) append(entries []Entry) (bad []Entry, err error) {
	s.buf.Reset()
	for i := range entries {
		if err := appendFrame(&s.buf, &entries[i]); err != nil {
			bad = append(bad, entries[i])
		}
	}
	n := int64(s.buf.Len())
	if n == 0 {
		return bad, nil
	}
	if s.bytes+n > s.max {
		return nil, errSpoolFull
	}
	if err := s.begin(); err != nil {
		return nil, err
	}
	last := &s.segments[len(s.segments)-1]
	if _, err := s.file.WriteAt(s.buf.Bytes(), last.size); err != nil {
		s.abandon()
		return nil, err
	}
	last.size += n
	s.bytes += n
	if s.buf.Cap() > maxSegment {
		s.buf = bytes.Buffer{} // after something unusually large
	}
	return bad, nil
}

// abandon ends the present segment after a failure: a file that could not be written or
// synced is not to be trusted with more. What stands behind its valid part is never read.
func (s *spool) abandon() {
	if s.file == nil {
		return
	}
	last := len(s.segments) - 1
	_ = s.file.Truncate(s.segments[last].size)
	s.seal()
	if s.segments[last].size == 0 {
		_ = s.drop(last)
	}
}

// begin opens a new segment where there is none or the last one is long enough.
func (s *spool) begin() error {
	if s.file != nil && len(s.segments) > 0 && s.segments[len(s.segments)-1].size < maxSegment {
		return nil
	}
	if s.file != nil {
		if err := s.file.Sync(); err != nil {
			return err
		}
	}
	s.seal()
	f, err := os.OpenFile(s.path(s.next), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := syncDir(s.dir); err != nil {
		_ = f.Close()
		_ = os.Remove(f.Name())
		return err
	}
	s.file = f
	s.segments = append(s.segments, segment{number: s.next})
	s.next++
	return nil
}

func (s *spool) seal() {
	if s.file != nil {
		_ = s.file.Close() // a sync tells of what close could
		s.file = nil
	}
}

// chunk is entries read from the front, and where reading goes on.
type chunk struct {
	entries []Entry
	to      int64 // offset in the first segment
	damaged int64 // bytes that could not be read
}

// read answers the first entries that have not been consumed: at most so many, and about
// so many bytes.
func (s *spool) read(most int, mostBytes int64) (chunk, error) {
	first := s.segments[0]
	c := chunk{to: s.offset}
	f, err := os.Open(s.path(first.number))
	if err != nil {
		return c, err
	}
	defer f.Close()
	r := bufio.NewReaderSize(io.NewSectionReader(f, s.offset, first.size-s.offset), 1<<16)
	for len(c.entries) < most && c.to-s.offset < mostBytes && c.to < first.size {
		payload, err := readFrame(r, first.size-c.to)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, errSpoolBroken) {
			c.damaged += first.size - c.to
			c.to = first.size
			return c, nil
		}
		if err != nil {
			return c, err
		}
		c.to += frameHeader + int64(len(payload))
		var e Entry
		if json.Unmarshal(payload, &e) != nil {
			c.damaged += int64(len(payload)) // of another version
			continue
		}
		c.entries = append(c.entries, e)
	}
	return c, nil
}

// consume removes what a chunk held.
func (s *spool) consume(c chunk) error {
	s.offset = c.to
	if s.offset < s.segments[0].size {
		return nil
	}
	if len(s.segments) == 1 {
		s.seal()
	}
	s.offset = 0
	return s.drop(0)
}

// waiting is how many bytes have not been consumed.
func (s *spool) waiting() int64 { return s.bytes - s.offset }

func (s *spool) close() {
	s.seal()
	if s.lock != nil {
		_ = s.lock.Close() // which unlocks
	}
}

func appendFrame(b *bytes.Buffer, e *Entry) error {
	payload, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if len(payload) > maxFrame {
		return errors.New("the entry is too large")
	}
	var head [frameHeader]byte
	binary.BigEndian.PutUint32(head[:4], uint32(len(payload)))
	binary.BigEndian.PutUint32(head[4:], crc32.Checksum(payload, castagnoli()))
	b.Write(head[:])
	b.Write(payload)
	return nil
}

// readFrame reads one frame of which at most left bytes are there.
func readFrame(r io.Reader, left int64) ([]byte, error) {
	var head [frameHeader]byte
	if left < frameHeader {
		return nil, io.EOF
	}
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := int64(binary.BigEndian.Uint32(head[:4]))
	if n == 0 || n > maxFrame || n > left-frameHeader {
		return nil, errSpoolBroken
	}
	payload := make([]byte, n)
	if _, err := io.ReadFull(r, payload); err != nil {
		return nil, err
	}
	if crc32.Checksum(payload, castagnoli()) != binary.BigEndian.Uint32(head[4:]) {
		return nil, errSpoolBroken
	}
	return payload, nil
}

// syncDir makes a new name in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

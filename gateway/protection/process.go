package protection

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
)

// Process samples this process: what the Go runtime holds of memory, against
// GOMEMLIMIT or the container's limit, open files and goroutines.
func Process() Sample {
	s := Sample{MemoryLimit: memoryLimit(), Goroutines: runtime.NumGoroutine(), FileLimit: fileLimit()}
	m := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(m)
	s.HeapBytes = m[0].Value.Uint64() - m[1].Value.Uint64()
	if dir, err := os.Open("/proc/self/fd"); err == nil {
		if names, err := dir.Readdirnames(-1); err == nil {
			s.OpenFiles = uint64(len(names))
		}
		_ = dir.Close() // it was only read
	}
	return s
}

// memoryLimit is GOMEMLIMIT, else the container's; zero: there is none.
func memoryLimit() uint64 {
	if n := debug.SetMemoryLimit(-1); n < math.MaxInt64 {
		return uint64(n)
	}
	for _, file := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		if n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64); err == nil && n < 1<<50 {
			return n
		}
	}
	return 0
}

// Connections is how many connections the API may have at once: so many of the
// process's open files that some are left for calls to upstreams, for those who look
// after the gateway and for its own. Zero: any number.
func Connections() int {
	limit := fileLimit()
	if limit == 0 || limit > math.MaxInt32 {
		return 0
	}
	return max(int(limit)*3/4-reservedFiles, 1)
}

// reservedFiles are what the process needs for itself: databases, logs, listeners.
const reservedFiles = 24

package access

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// However many names and addresses there are, the throttle's memory is bounded.
func TestTheThrottleIsBounded(t *testing.T) {
	th := newThrottle()
	now := time.Unix(1_800_000_000, 0)
	for i := range 3 * maxTracked {
		ip := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		if try, wait := th.enter(now, fmt.Sprint("name-", i), ip); wait == 0 && i%2 == 0 {
			try.right()
		}
	}
	if n := max(th.names.Len(), th.addresses.Len(), th.known.Len()); n > maxTracked {
		t.Errorf("%d entries", n)
	}
}

// In any order of tries a wait is never longer than the longest, a try that waited as
// long as it was told is taken, and one name costs at most its pace allows.
func TestThrottleProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		th := newThrottle()
		now := time.Unix(1_800_000_000, 0)
		var taken []time.Time
		for range rapid.IntRange(1, 200).Draw(t, "tries") {
			now = now.Add(time.Duration(rapid.IntRange(0, 20_000).Draw(t, "ms")) * time.Millisecond)
			ip := netip.AddrFrom4([4]byte{192, 0, 2, byte(rapid.IntRange(0, 3).Draw(t, "address"))})
			try, wait := th.enter(now, "ada", ip)
			if wait > byAddress().longest {
				t.Fatalf("a wait of %s", wait)
			}
			if wait > 0 {
				if _, again := th.enter(now.Add(wait), "ada", ip); again > 0 {
					t.Fatalf("told %s, and then %s", wait, again)
				}
				now = now.Add(wait)
			} else if rapid.IntRange(0, 9).Draw(t, "outcome") == 0 {
				try.undecided()
				continue
			}
			taken = append(taken, now)
		}
		for i := range taken {
			within := 0
			for _, at := range taken[i:] {
				if at.Sub(taken[i]) < time.Minute {
					within++
				}
			}
			if within > 5+7 { // five free, then waits of 1, 2, 4, 8, 16 and 30 s
				t.Fatalf("%d tries within a minute", within)
			}
		}
	})
}

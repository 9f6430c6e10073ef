package fallback

import "time"

// slots is how many parts a window is counted in. The oldest part leaves as a whole,
// so counts are those of the last nine to ten tenths of a window.
const slots = 10

// window counts two kinds of event over the last stretch of time, in fixed memory.
type window struct {
	slot   int64 // length of one slot, ns
	newest int64 // which slot is the newest, since time zero
	a, b   [slots]int
	sumA   int
	sumB   int
}

func newWindow(d time.Duration) window {
	return window{slot: max(int64(d)/slots, 1)}
}

// roll forgets what is older than the window. A clock that goes back changes nothing.
func (w *window) roll(now int64) {
	at := now / w.slot
	if at <= w.newest {
		return
	}
	for range min(at-w.newest, slots) {
		w.newest++
		i := w.index()
		w.sumA, w.sumB = w.sumA-w.a[i], w.sumB-w.b[i]
		w.a[i], w.b[i] = 0, 0
	}
	if w.newest != at { // a jump over the whole window: every slot is empty
		w.newest = at
	}
}

func (w *window) index() int {
	return int(((w.newest % slots) + slots) % slots)
}

func (w *window) addA() { w.a[w.index()]++; w.sumA++ }
func (w *window) addB() { w.b[w.index()]++; w.sumB++ }

func (w *window) clear() { *w = window{slot: w.slot, newest: w.newest} }
